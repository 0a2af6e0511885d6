using AkkaCharging.Files;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Logging;

/// <summary>
/// Reloads <c>logging.level</c> when a settings file changes; other settings change at the next start.
/// </summary>
/// <remarks>
/// The same precedence applies as at the start: an environment variable still overrides the file. When a file is
/// invalid, the level in force stays, and every problem is logged.
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
        _watches = [.. SettingsLoader.FilesOf(sources).Select(Watch)];

        FileWatch Watch(string file) =>
            new(file, time, () => Read(isFirst: false), problem => LogKept(_levels.Current, $"{file}: {problem}."));
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        // The settings were read before: no poll would find a change made since then. Each file's state is noted before
        // all are read once more. A file that only a start can read, such as a pipe, is not.
        foreach (var watch in _watches.Skip(1))
            watch.ReadFirst(() => true);
        if (_watches.FirstOrDefault()?.ReadFirst(() => Read(isFirst: true)) is { Unreadable: null } reading)
            reading.Apply();
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

    private FileReading Read(bool isFirst)
    {
        if (SettingsLoader.FilesOf(_sources).FirstOrDefault(IsNotRegular) is { } file)
            return new(() => LogKept(_levels.Current, $"{file}: {RegularFile.Expected}."), file);
        try
        {
            var level = SettingsLoader.Load(_sources).Logging.Level;
            return new(() => Take(level, isFirst));
        }
        catch (InvalidSettingsException e)
        {
            return new(() => LogKept(_levels.Current, e.Message));
        }
    }

    private static bool IsNotRegular(string file) => FileStamp.TryGet(file) is { IsRegular: false };

    private void Take(LogThreshold level, bool isFirst)
    {
        if (level == _levels.Current)
        {
            if (!isFirst)
                LogUnchanged(level);
            return;
        }

        LogChanged(_levels.Current, level);
        _levels.Set(level);
    }

    [LoggerMessage(1401, LogLevel.Information, "Log level changed from {Before} to {LogLevel}")]
    private partial void LogChanged(LogThreshold before, LogThreshold logLevel);

    [LoggerMessage(
        1402,
        LogLevel.Information,
        "The settings were reloaded: the log level stays {LogLevel}; other settings take effect at the next start"
    )]
    private partial void LogUnchanged(LogThreshold logLevel);

    [LoggerMessage(
        1403,
        LogLevel.Error,
        "The changed settings are invalid, the log level stays {LogLevel}: {Problems}"
    )]
    private partial void LogKept(LogThreshold logLevel, string problems);
}
