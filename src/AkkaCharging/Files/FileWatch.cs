using AkkaCharging.Timing;

namespace AkkaCharging.Files;

/// <summary>Watches a file and reads it again when it changes.</summary>
/// <remarks>
/// The file's metadata is polled once a second, because file notifications do not cross symbolic links and network
/// mounts. A change is read after two polls with the same result, so that a file is not read while it is being written.
/// Polls run on a thread of their own: a hanging disk or share blocks no pool thread and does not keep the process from
/// ending.
/// </remarks>
internal sealed class FileWatch : IDisposable
{
    /// <summary>Time between two polls; a change takes effect after one to two of them.</summary>
    public static readonly TimeSpan PollInterval = SharedTick.Period;

    /// <summary>Time after which a poll, or the first read, counts as hung.</summary>
    public static readonly TimeSpan HungAfter = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Maximum number of hung polls, each of which keeps a thread; the last one is then awaited. Each poll gets twice
    /// the time of the hung one before it, because a slow disk needs longer.
    /// </summary>
    internal const int HungMax = 5;

    private static readonly string Hung = $"it was not read within {HungAfter.TotalSeconds} s; its disk or share hangs";
    private static readonly string Restless =
        $"it was not read, because it changed again and again for {HungAfter.TotalSeconds} s";

    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly Func<FileReading> _read;
    private readonly Action<string> _report;

    // Guards the fields below and each call of the owner's actions: none of them runs after Dispose has returned.
    private readonly Lock _gate = new();
    private PollQueue _due = new();
    private IDisposable? _tick;
    private Task _polling = Task.CompletedTask;
    private long _pollStarted;
    private int _hung;
    private FileStamp? _seen;
    private FileStamp? _processed;
    private bool _mustRead;
    private long? _restlessSince;
    private string? _complaint;
    private bool _isDisposed;

    /// <param name="read">Reads a changed file, on a thread that it may block; must not throw. May be called again
    /// while an earlier call hangs, whose result is then dropped.</param>
    /// <param name="report">Reports why the file cannot be read; must not throw or block.</param>
    public FileWatch(string path, TimeProvider time, Func<FileReading> read, Action<string> report) =>
        (_path, _time, _read, _report) = (path, time, read, report);

    /// <summary>Raised by <see cref="ReadAllAgain"/>; static, because a signal concerns the whole process.</summary>
    private static event EventHandler? ReadAgain;

    /// <summary>The latest poll, for tests to await.</summary>
    public Task Polling
    {
        get
        {
            lock (_gate)
                return _polling;
        }
    }

    /// <summary>Makes every watch of this process read its file at the next poll, changed or not.</summary>
    public static void ReadAllAgain() => ReadAgain?.Invoke(sender: null, EventArgs.Empty);

    /// <summary>Reads the file for the first time, before the watch starts.</summary>
    /// <returns>The result of <paramref name="load"/>, whose exceptions are passed on.</returns>
    /// <exception cref="TimeoutException">The file was not read in time.</exception>
    public T ReadFirst<T>(Func<T> load)
    {
        // The stamp is taken first, so that the first polls find a change made while the file is read.
        var (stamp, loaded) = WithinLimit(() => (FileStamp.TryGet(_path), load()));
        _processed = _seen = stamp;
        return loaded;
    }

    /// <summary>Starts to watch.</summary>
    public void Start()
    {
        StartThread();
        ReadAgain += RequireRead;
        _tick = SharedTick.Subscribe(_time, StartPoll);
    }

    /// <summary>Stops watching at once; a poll in progress has no effect.</summary>
    public void Dispose()
    {
        ReadAgain -= RequireRead;
        lock (_gate)
        {
            _isDisposed = true;
            _due.End();
        }

        _tick?.Dispose();
    }

    private void RequireRead(object? sender, EventArgs e)
    {
        lock (_gate)
            _mustRead = true;
    }

    private static T WithinLimit<T>(Func<T> read)
    {
        var result = new TaskCompletionSource<T>();
        new Thread(() =>
        {
            try
            {
                result.SetResult(read());
            }
#pragma warning disable CA1031 // The thread's outermost handler: the caller gets the exception.
            catch (Exception e)
#pragma warning restore CA1031
            {
                result.SetException(e);
            }
        })
        {
            IsBackground = true,
            Name = "file read",
        }.Start();
        return Task.WaitAny([result.Task], HungAfter) == 0
            ? result.Task.GetAwaiter().GetResult()
            : throw new TimeoutException(Hung);
    }

    // One thread runs all polls, as long as none hangs: .NET aborts the process when it cannot start a thread, for
    // example without free file handles.
    private void StartThread()
    {
        var due = _due;
        new Thread(() => Work(due)) { IsBackground = true, Name = "file watch" }.Start();
    }

    private void StartPoll()
    {
        lock (_gate)
        {
            if (_isDisposed || (!_polling.IsCompleted && !TryAbandonHungPoll()))
                return;
            var poll = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            (_polling, _pollStarted) = (poll.Task, _time.GetTimestamp());
            _due.Add(poll);
        }
    }

    private bool TryAbandonHungPoll()
    {
        if (_time.GetElapsedTime(_pollStarted) < HungAfter * (1 << _hung))
            return false;

        _mustRead = true; // even if the file is unchanged, to clear the reported problem
        _restlessSince = null; // nobody looked meanwhile
        if (!string.Equals(_complaint, Hung, StringComparison.Ordinal))
            _report(_complaint = Hung);
        if (_hung == HungMax)
            return false;

        _hung++;
        _due.End();
        _due = new();
        StartThread();
        return true;
    }

    private void Work(PollQueue due)
    {
        while (due.Take() is { } poll)
        {
            try
            {
                Poll(due);
                poll.SetResult();
            }
#pragma warning disable CA1031 // Outermost handler: who awaits the poll gets the exception; polls continue.
            catch (Exception e)
#pragma warning restore CA1031
            {
                poll.SetException(e);
            }
        }

        lock (_gate)
        {
            if (IsAbandoned(due))
                _hung--;
        }
    }

    private void Poll(PollQueue due)
    {
        var stamp = FileStamp.TryGet(_path);
        lock (_gate)
        {
            if (IsAbandoned(due))
                return;
            var isStable = stamp == _seen;
            _seen = stamp;
            if (!isStable)
            {
                ReportIfRestless();
                return;
            }

            if (stamp == _processed && !_mustRead)
            {
                _restlessSince = null;
                return;
            }
        }

        var reading = _read();
        var isUnchanged = FileStamp.TryGet(_path) == stamp;
        lock (_gate)
        {
            // If the file changed while it was read, the text may mix two versions. The next polls read it again.
            if (IsAbandoned(due) || _isDisposed)
                return;
            if (isUnchanged)
                Take(reading, stamp);
            else
                ReportIfRestless();
        }
    }

    private void ReportIfRestless()
    {
        _restlessSince ??= _time.GetTimestamp();
        if (_isDisposed || _time.GetElapsedTime(_restlessSince.Value) < HungAfter)
            return;
        _mustRead = true; // even if the file is unchanged in the end, to clear the reported problem
        if (!string.Equals(_complaint, Restless, StringComparison.Ordinal))
            _report(_complaint = Restless);
    }

    private void Take(FileReading reading, FileStamp? stamp)
    {
        // An unreadable file is read again at each poll (a share may return without a change of the file), but reported
        // once.
        (_processed, _mustRead) = (stamp, reading.Unreadable is not null && stamp is not null);
        _restlessSince = null;
        if (reading.Unreadable is not null && string.Equals(reading.Unreadable, _complaint, StringComparison.Ordinal))
            return;

        _complaint = reading.Unreadable;
        reading.Apply();
    }

    private bool IsAbandoned(PollQueue due) => due != _due;

    /// <summary>Passes polls to a thread, which waits for them without spinning.</summary>
    private sealed class PollQueue
    {
        private readonly object _gate = new();
        private TaskCompletionSource? _due;
        private bool _isOver;

        /// <summary>Adds a poll. The one before must have been taken.</summary>
        public void Add(TaskCompletionSource poll)
        {
            lock (_gate)
            {
                _due = poll;
                Monitor.Pulse(_gate);
            }
        }

        /// <summary>Ends the thread after its current poll.</summary>
        public void End()
        {
            lock (_gate)
            {
                _isOver = true;
                Monitor.Pulse(_gate);
            }
        }

        /// <summary>Waits for the next poll; null after the end.</summary>
        public TaskCompletionSource? Take()
        {
            lock (_gate)
            {
                while (_due is null && !_isOver)
                    Monitor.Wait(_gate);
                var poll = _due;
                _due = null;
                return poll;
            }
        }
    }
}

/// <summary>The result of reading a file.</summary>
/// <param name="Apply">Puts the content in force, or reports what is wrong with it; called only if the file has not
/// changed since it was read.</param>
/// <param name="Unreadable">Why the file could not be read, in which case a retry may succeed; null when it was read,
/// even if its text is invalid.</param>
internal readonly record struct FileReading(Action Apply, string? Unreadable = null);
