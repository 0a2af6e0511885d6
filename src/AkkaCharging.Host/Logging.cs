using Akka.Event;
using Akka.Hosting;
using AkkaCharging.Settings;
using Serilog;
using Serilog.Events;
using Serilog.Formatting.Compact;

namespace AkkaCharging.Host;

/// <summary>Logs by Serilog to standard output: one JSON object a line, or readable text.</summary>
internal static class Logging
{
    private const string TextTemplate = "{Timestamp:HH:mm:ss.fff} {Level:u3} {Message:lj}{NewLine}{Exception}";

    /// <summary>Makes Serilog the only logger.</summary>
    public static void AddChargingLogging(this WebApplicationBuilder builder, ChargingSettings settings)
    {
        builder.Logging.ClearProviders();
        builder.Services.AddSerilog(logger =>
        {
            logger.MinimumLevel.Is(Level(settings.Logging.Level))
                .MinimumLevel.Override("Microsoft", Max(LogEventLevel.Warning, Level(settings.Logging.Level)))
                .MinimumLevel.Override("Microsoft.Hosting.Lifetime", Level(settings.Logging.Level))
                .Enrich.FromLogContext();
            if (IsText(settings))
                logger.WriteTo.Console(outputTemplate: TextTemplate);
            else
                logger.WriteTo.Console(new RenderedCompactJsonFormatter());
        });
    }

    /// <summary>Sends Akka's log the same way.</summary>
    public static AkkaConfigurationBuilder WithChargingLogging(this AkkaConfigurationBuilder akka, LoggingSettings settings) => akka
        .AddHocon($"akka.stdout-logger-class = \"{typeof(LastResortLogger).AssemblyQualifiedName}\"", HoconAddMode.Prepend)
        .ConfigureLoggers(loggers =>
        {
            loggers.LogLevel = settings.Level switch
            {
                LogThreshold.Debug => Akka.Event.LogLevel.DebugLevel,
                LogThreshold.Info => Akka.Event.LogLevel.InfoLevel,
                LogThreshold.Warning => Akka.Event.LogLevel.WarningLevel,
                _ => Akka.Event.LogLevel.ErrorLevel,
            };
            loggers.ClearLoggers();
            loggers.AddLoggerFactory();

            // A RestartFlow announces each retry of each callback; the attempts are logged by the service itself, with their request.
            loggers.WithLogFilter(filter => filter.ExcludeMessageContaining("Restarting graph"));
        });

    private static bool IsText(ChargingSettings settings) =>
        settings.Logging.Format == LogFormat.Text || (settings.Logging.Format == LogFormat.Auto && settings.Server.Development);

    private static LogEventLevel Level(LogThreshold threshold) => threshold switch
    {
        LogThreshold.Debug => LogEventLevel.Debug,
        LogThreshold.Info => LogEventLevel.Information,
        LogThreshold.Warning => LogEventLevel.Warning,
        _ => LogEventLevel.Error,
    };

    private static LogEventLevel Max(LogEventLevel a, LogEventLevel b) => a > b ? a : b;
}

/// <summary>Akka's log while no logger runs: before the first is started, and after the last has stopped.</summary>
/// <remarks>
/// Akka's own writes text of every level to standard output then, whatever <c>akka.stdout-loglevel</c> says, into the JSON lines. What matters goes to
/// standard error instead.
/// </remarks>
#pragma warning disable MA0097 // Akka orders its actor references; nobody compares this one.
internal sealed class LastResortLogger : MinimalLogger
#pragma warning restore MA0097
{
    protected override void Log(object message)
    {
        if (message is Warning or Error)
            Console.Error.WriteLine(message);
    }
}
