using System.Collections.Concurrent;

namespace AkkaCharging.Files;

/// <summary>Has a file read again when it changes.</summary>
/// <remarks>
/// The file's metadata is polled once a second, because file notifications do not cross symbolic links and network
/// mounts. A change is read when two polls in a row saw the same, so that a half-written file is not. Polls have a
/// thread of their own: a disk or share that hangs takes none of the pool.
/// </remarks>
internal sealed class FileWatch : IDisposable, IAsyncDisposable
{
    /// <summary>Between two looks at the file; a change is in force one to two of these later.</summary>
    public static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly Func<FileReading> _read;
    private readonly Lock _gate = new();
    private readonly BlockingCollection<TaskCompletionSource> _due = new(boundedCapacity: 1);
    private ITimer? _timer;
    private Task _polling = Task.CompletedTask;
    private bool _isDisposed;

    // Used by the one poll that runs at a time.
    private FileStamp? _seen;
    private FileStamp? _processed;
    private string? _complaint;

    /// <summary>
    /// Remembers which version is there now: the owner reads it next, so a change meanwhile is found by the first
    /// polls.
    /// </summary>
    /// <param name="read">Reads a changed file, on a thread that it may block, once at a time; must not throw.</param>
    public FileWatch(string path, TimeProvider time, Func<FileReading> read)
    {
        (_path, _time, _read) = (path, time, read);
        _processed = _seen = FileStamp.TryGet(path);
    }

    /// <summary>The latest poll: what a test waits for.</summary>
    public Task Polling
    {
        get
        {
            lock (_gate)
                return _polling;
        }
    }

    /// <summary>Begins to watch.</summary>
    public void Start()
    {
        // One thread for all polls: .NET aborts the process when it cannot start one, as when the process is out of
        // files.
        new Thread(Work) { IsBackground = true, Name = "file watch" }.Start();
        _timer = _time.CreateTimer(_ => StartPoll(), state: null, PollInterval, PollInterval);
    }

    /// <summary>Stops watching; a poll in progress ends by itself.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _due.CompleteAdding();
        }

        _timer?.Dispose();
    }

    /// <summary>Stops watching and waits for a poll in progress.</summary>
    public async ValueTask DisposeAsync()
    {
        Dispose();
        await Polling.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void StartPoll()
    {
        lock (_gate)
        {
            if (!_polling.IsCompleted || _isDisposed)
                return;
            var poll = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _polling = poll.Task;
            _due.Add(poll);
        }
    }

    private void Work()
    {
        foreach (var poll in _due.GetConsumingEnumerable())
        {
            try
            {
                Poll();
                poll.SetResult();
            }
#pragma warning disable CA1031 // The thread's edge: whoever waits for the poll is told, and the next poll is made.
            catch (Exception e)
#pragma warning restore CA1031
            {
                poll.SetException(e);
            }
        }
    }

    private void Poll()
    {
        var stamp = FileStamp.TryGet(_path);
        var isStable = stamp == _seen;
        _seen = stamp;
        if (isStable && stamp != _processed)
            Read(stamp);
    }

    private void Read(FileStamp? stamp)
    {
        var reading = _read();
        if (FileStamp.TryGet(_path) != stamp)
            return; // Changed while it was read: what was read may be half of each version. The next polls see to it.

        // An unreadable file is tried again at each poll (a changed permission does not show in the stamp), but
        // reported once.
        if (reading.Unreadable is null || stamp is null)
            _processed = stamp;
        if (reading.Unreadable is not null && string.Equals(reading.Unreadable, _complaint, StringComparison.Ordinal))
            return;

        _complaint = reading.Unreadable;
        reading.Apply();
    }
}

/// <summary>What a file held when it was read.</summary>
/// <param name="Apply">Puts the content in force, or reports what is wrong with it; called only if the file did not
/// change meanwhile.</param>
/// <param name="Unreadable">Why the file could not be read at all, as opposed to its text being wrong: reading it again
/// may help. Null if it could.</param>
internal readonly record struct FileReading(Action Apply, string? Unreadable = null);
