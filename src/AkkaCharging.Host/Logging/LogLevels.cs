using Akka.Event;
using AkkaCharging.Settings;
using Serilog.Core;
using Serilog.Events;
using AkkaLevel = Akka.Event.LogLevel;

namespace AkkaCharging.Host.Logging;

/// <summary>The log levels in force, derived from <c>logging.level</c>.</summary>
internal sealed class LogLevels
{
    private volatile LoggingBus? _akka;

    public LogLevels(LogThreshold level) => Set(level);

    /// <summary>Level of the service's own log.</summary>
    public LoggingLevelSwitch Own { get; } = new();

    /// <summary>Level of the frameworks, at least warning: below it they log every request.</summary>
    public LoggingLevelSwitch Frameworks { get; } = new();

    /// <summary>Level of Akka's log.</summary>
    public AkkaLevel Akka { get; private set; }

    /// <summary>Level in force, as <c>logging.level</c> states it.</summary>
    public LogThreshold Current { get; private set; }

    /// <summary>Applies later changes to the actor system too.</summary>
    public void Follow(LoggingBus akka) => _akka = akka;

    /// <summary>Applies <paramref name="level"/> at once.</summary>
    public void Set(LogThreshold level)
    {
        (Current, Own.MinimumLevel, Akka) = level switch
        {
            LogThreshold.Debug => (level, LogEventLevel.Debug, AkkaLevel.DebugLevel),
            LogThreshold.Info => (level, LogEventLevel.Information, AkkaLevel.InfoLevel),
            LogThreshold.Warning => (level, LogEventLevel.Warning, AkkaLevel.WarningLevel),
            _ => (level, LogEventLevel.Error, AkkaLevel.ErrorLevel),
        };
        Frameworks.MinimumLevel = Own.MinimumLevel > LogEventLevel.Warning ? Own.MinimumLevel : LogEventLevel.Warning;
        _akka?.SetLogLevel(Akka);
    }
}
