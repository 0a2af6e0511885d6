using Akka.Event;
using AkkaCharging.Settings;
using Serilog.Core;
using Serilog.Events;
using AkkaLevel = Akka.Event.LogLevel;

namespace AkkaCharging.Host.Logging;

/// <summary>The levels in force, all following <c>logging.level</c>.</summary>
internal sealed class LogLevels
{
    private volatile LoggingBus? _akka;

    public LogLevels(LogThreshold level) => Set(level);

    /// <summary>What the service itself says.</summary>
    public LoggingLevelSwitch Own { get; } = new();

    /// <summary>What the framework says, which tells of every request at lower levels than warning.</summary>
    public LoggingLevelSwitch Frameworks { get; } = new();

    /// <summary>What Akka says.</summary>
    public AkkaLevel Akka { get; private set; }

    /// <summary>As <c>logging.level</c> has it.</summary>
    public LogThreshold Current { get; private set; }

    /// <summary>Has the actor system's own level follow from now on.</summary>
    public void Follow(LoggingBus akka) => _akka = akka;

    /// <summary>Puts <paramref name="level"/> in force at once.</summary>
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
