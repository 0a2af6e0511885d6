using AkkaCharging.Files;

namespace AkkaCharging.Settings;

/// <summary>
/// A value read from the settings and the files they name, and read again when one of the files changes.
/// </summary>
/// <remarks>
/// A new value replaces the old one at once. When a file is broken, missing or does not respond, the current value
/// stays in force and the problem is reported.
/// </remarks>
internal sealed class WatchedFiles<T> : IDisposable
    where T : class
{
    private readonly Func<T> _read;
    private readonly Func<string, string, InvalidSettingsException> _unusable;
    private readonly Action<T, string?>? _onReload;
    private readonly (string Path, FileWatch Watch)[] _watches;

    // Prevents an older reading from replacing a newer one: each file has a watch with its own thread.
    private readonly Lock _gate = new();
    private long _readings;
    private long _taken;
    private volatile T _current;
    private volatile string? _problem;

    /// <summary>Reads the value and starts watching its files.</summary>
    /// <param name="paths">The watched files; none for a constant value.</param>
    /// <param name="read">Creates the value, and may block its thread. Throws <see cref="InvalidSettingsException"/>,
    /// with an inner exception where a retry may succeed.</param>
    /// <param name="unusable">Creates the exception for a file (first argument) with a problem (second
    /// argument).</param>
    /// <param name="onReload">Called after each reload with the value in force and the reason why it is older than the
    /// files, or null when it is current; must not throw or block.</param>
    /// <exception cref="InvalidSettingsException">A file cannot be used.</exception>
    public WatchedFiles(
        IEnumerable<string> paths,
        TimeProvider time,
        Func<T> read,
        Func<string, string, InvalidSettingsException> unusable,
        Action<T, string?>? onReload = null
    )
    {
        (_read, _unusable, _onReload) = (read, unusable, onReload);
        _watches = [.. paths.Select(path => (path, new FileWatch(path, time, Read, Report(path))))];
        _current = ReadFirst();
        foreach (var (_, watch) in _watches)
            watch.Start();
    }

    /// <summary>Whether any file is watched.</summary>
    public bool IsWatching => _watches.Length > 0;

    /// <summary>The value in force.</summary>
    public T Current => _current;

    /// <summary>Why the value in force is older than its files; null when it is current.</summary>
    public string? Problem => _problem;

    /// <summary>The latest poll of the files, for tests to await.</summary>
    internal Task Polling => Task.WhenAll(_watches.Select(watched => watched.Watch.Polling));

    /// <summary>Stops watching at once; a reload in progress has no effect.</summary>
    public void Dispose()
    {
        foreach (var (_, watch) in _watches)
            watch.Dispose();
    }

    private T ReadFirst()
    {
        if (_watches.Length == 0)
            return _read();
        T? value = null;
        foreach (var (path, watch) in _watches)
        {
            try
            {
                value = watch.ReadFirst(_read);
            }
            catch (TimeoutException e)
            {
                throw new InvalidSettingsException(_unusable(path, e.Message).Problems, e);
            }
        }

        return value!;
    }

    private FileReading Read()
    {
        var reading = Interlocked.Increment(ref _readings);
        try
        {
            var value = _read();
            return new(() => Take(reading, value, problem: null));
        }
        catch (InvalidSettingsException e)
        {
            var problem = string.Join(' ', e.Problems);
            return new(() => Take(reading, value: null, problem), e.InnerException is null ? null : problem);
        }
    }

    private Action<string> Report(string path) =>
        problem =>
            Take(
                Interlocked.Increment(ref _readings),
                value: null,
                string.Join(' ', _unusable(path, problem).Problems)
            );

    private void Take(long reading, T? value, string? problem)
    {
        lock (_gate)
        {
            if (reading < _taken)
                return;
            _taken = reading;
            if (value is not null)
                _current = value;
            _problem = problem;
            _onReload?.Invoke(_current, problem);
        }
    }
}
