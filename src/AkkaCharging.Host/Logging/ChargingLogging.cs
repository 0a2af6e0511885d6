using System.Net.Sockets;
using Akka.Event;
using Akka.Hosting;
using AkkaCharging.Host.Admin;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;
using AkkaCharging.Settings;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Compact;
using Serilog.Templates;
using Serilog.Templates.Themes;

namespace AkkaCharging.Host.Logging;

/// <summary>Configures logging by Serilog to standard output: one JSON object per line, or readable text.</summary>
internal static class ChargingLogging
{
    private const string TextTemplate = "{@t:HH:mm:ss.fff} {@l:u3} {@m}\n{@x}";

    /// <summary>Event of ASP.NET Core: a check behind a probe has ended. A check that throws is event 104.</summary>
    private const int HealthCheckEnded = 103;

    /// <summary>Makes Serilog the only logger.</summary>
    /// <param name="sources">The settings files whose changes the level follows; null for none.</param>
    /// <returns>The log levels in force, which can be changed.</returns>
    public static LogLevels AddChargingLogging(
        this WebApplicationBuilder builder,
        ChargingSettings settings,
        SettingsSources? sources
    )
    {
        var levels = new LogLevels(settings.Logging.Level);
        builder.Logging.ClearProviders();
        builder.Services.AddSerilog(
            preserveStaticLogger: true,
            configureLogger: (_, logger) =>
            {
                logger
                    .MinimumLevel.ControlledBy(levels.Own)
                    .MinimumLevel.Override("Microsoft", levels.Frameworks)
                    .MinimumLevel.Override("Microsoft.Hosting.Lifetime", levels.Own)
                    // This logger would add each request's path, a caller's text, to all lines, and create an activity
                    // for each request.
                    .MinimumLevel.Override("Microsoft.AspNetCore.Hosting.Diagnostics", LevelAlias.Off)
                    // Changes by operators are logged at every level.
                    .MinimumLevel.Override(typeof(OperatorAudit).FullName!, LogEventLevel.Information)
                    // Changes of the log level are logged at every level.
                    .MinimumLevel.Override(typeof(LogLevelReload).FullName!, LogEventLevel.Information)
                    // A stop during the start is not a failure; other reasons are written to standard error in a
                    // line without a stack trace.
                    .Filter.ByExcluding(line => IsToldOtherwise(line.Exception) && IsOfTheHost(line))
                    // It says "ExitCode:0" also of a start that failed; the exit code is not Akka's to choose.
                    .Filter.ByExcluding(IsShutdownOfAkka)
                    // Each probe of a service that is not ready would be an error. HealthWatch logs what goes down.
                    .Filter.ByExcluding(IsEndOfHealthCheck)
                    .Enrich.FromLogContext();
                logger.WriteTo.Sink(
                    new LogOutput(
                        IsText(settings) ? Text() : new RenderedCompactJsonFormatter(),
                        Console.Out,
                        Console.Error
                    )
                );
            }
        );
        builder.Services.AddSingleton(levels);
        if (sources is not null)
            builder.Services.AddSingleton(sources).AddHostedService<LogLevelReload>();
        return levels;
    }

    /// <summary>Sends Akka's log to the same output.</summary>
    public static AkkaConfigurationBuilder WithChargingLogging(this AkkaConfigurationBuilder akka, LogLevels levels) =>
        akka.AddHocon(
                $"akka.stdout-logger-class = \"{typeof(LastResortLogger).AssemblyQualifiedName}\"",
                HoconAddMode.Prepend
            )
            .ConfigureLoggers(loggers =>
            {
                loggers.LogLevel = levels.Akka;
                loggers.ClearLoggers();
                loggers.AddLoggerFactory();

                // A RestartFlow logs each retry of each callback; the service logs the attempts itself, with their
                // request.
                loggers.WithLogFilter(filter => filter.ExcludeMessageContaining("Restarting graph"));
            })
            .WithActors((system, _) => levels.Follow(system.EventStream));

    private static bool IsShutdownOfAkka(Serilog.Events.LogEvent line) =>
        line.Level == LogEventLevel.Information
        && line.Properties.GetValueOrDefault("LogSource") is ScalarValue { Value: string source }
        && source.StartsWith(nameof(Akka.Actor.CoordinatedShutdown), StringComparison.Ordinal);

    private static bool IsEndOfHealthCheck(Serilog.Events.LogEvent line) =>
        line.Properties.GetValueOrDefault(Constants.SourceContextPropertyName)
            is ScalarValue { Value: "Microsoft.Extensions.Diagnostics.HealthChecks.DefaultHealthCheckService" }
        && line.Properties.GetValueOrDefault("EventId") is StructureValue id
        && id.Properties.Any(part => part is { Name: "Id", Value: ScalarValue { Value: HealthCheckEnded } });

    private static bool IsToldOtherwise(Exception? exception) =>
        exception is OperationCanceledException or InvalidJournalException or CannotListenException
        || exception?.GetBaseException() is SocketException; // what Kestrel could not listen on

    private static bool IsOfTheHost(Serilog.Events.LogEvent line) =>
        line.Properties.GetValueOrDefault(Constants.SourceContextPropertyName)
            is ScalarValue { Value: "Microsoft.Extensions.Hosting.Internal.Host" };

    private static ExpressionTemplate Text() =>
        new(TextTemplate, theme: Console.IsOutputRedirected ? null : TemplateTheme.Literate);

    private static bool IsText(ChargingSettings settings) =>
        settings.Logging.Format == LogFormat.Text
        || (settings.Logging.Format == LogFormat.Auto && settings.Server.Development);
}

/// <summary>Logs for Akka while no logger runs: before the first has started, and after the last has stopped.</summary>
/// <remarks>
/// Akka's own logger would then write text of every level between the JSON lines on standard output, regardless of
/// <c>akka.stdout-loglevel</c>. This one writes only important messages, to standard error.
/// </remarks>
#pragma warning disable MA0097 // Akka orders its actor references; this one is never compared.
internal sealed class LastResortLogger : MinimalLogger
#pragma warning restore MA0097
{
    protected override void Log(object message)
    {
        if (message is Warning or Error)
            Console.Error.WriteLine(message);
    }
}
