using AkkaCharging.Files;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Logging;

/// <summary>
/// Takes <c>logging.level</c> up from the settings files when they change; all other settings wait for the next start.
/// </summary>
/// <remarks>
/// Layers count as at the start: an environment variable still wins. Files with any problem keep the level in force,
/// and the log tells every problem.
/// </remarks>
internal sealed partial class LogLevelReload : IHostedService, IDisposable
{
    private readonly LogLevels _levels;
    private readonly SettingsSources _sources;
    private readonly ILogger<LogLevelReload> _logger;
    private readonly List<FileWatch> _watches;

    public LogLevelReload(LogLevels levels, SettingsSources sources, TimeProvider time, ILogger<LogLevelReload> logger)
    {
        (_levels, _sources, _logger) = (levels, sources, logger);
        _watches = [.. SettingsLoader.FilesOf(sources).Select(file => new FileWatch(file, time, Read))];
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var watch in _watches)
            watch.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        foreach (var watch in _watches)
            watch.Dispose();
    }

    private FileReading Read()
    {
        try
        {
            var level = SettingsLoader.Load(_sources).Logging.Level;
            return new(() => Take(level));
        }
        catch (InvalidSettingsException e)
        {
            return new(() => LogKept(_levels.Current, e.Message));
        }
    }

    private void Take(LogThreshold level)
    {
        if (level == _levels.Current)
        {
            LogUnchanged(level);
            return;
        }

        LogChanged(_levels.Current, level);
        _levels.Set(level);
    }

    [LoggerMessage(1401, LogLevel.Information, "The log level was {Before} and is {LogLevel} now")]
    private partial void LogChanged(LogThreshold before, LogThreshold logLevel);

    [LoggerMessage(
        1402,
        LogLevel.Information,
        "The settings were read again: the log level stays {LogLevel}, all others are as they were at the start"
    )]
    private partial void LogUnchanged(LogThreshold logLevel);

    [LoggerMessage(
        1403,
        LogLevel.Error,
        "The changed settings cannot be used, the log level stays {LogLevel}: {Problems}"
    )]
    private partial void LogKept(LogThreshold logLevel, string problems);
}
