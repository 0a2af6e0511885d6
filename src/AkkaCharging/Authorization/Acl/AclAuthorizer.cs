namespace AkkaCharging.Authorization.Acl;

/// <summary>Answers from an access list in a file, which is watched and swapped in whole when it changes.</summary>
/// <remarks>
/// The file's metadata is polled once a second, because file notifications do not cross symbolic links and network mounts. A change is read when
/// two polls in a row saw the same, so that a half-written file is not. A broken or vanished file keeps the list in force and is reported.
/// </remarks>
public sealed class AclAuthorizer : IAuthorizer, IDisposable, IAsyncDisposable
{
    /// <summary>Between two looks at the file; a change is in force one to two of these later.</summary>
    public static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    private readonly AclFile _file;
    private readonly TimeProvider _time;
    private readonly Action<AclReload>? _onReload;
    private readonly Lock _gate = new();
    private readonly ITimer _timer;
    private Task _polling = Task.CompletedTask;
    private bool _isDisposed;

    // Replaced by the one poll that runs at a time, read by any thread.
    private volatile AclRules _rules;
    private volatile AclStatus _status;

    // Used by that poll alone.
    private AclFile.Stamp? _seen;
    private AclFile.Stamp? _processed;

    /// <summary>Loads the list and starts watching it.</summary>
    /// <param name="path">Relative to the working directory.</param>
    /// <param name="onReload">Called after each reload, on a pool thread; must not throw.</param>
    /// <exception cref="InvalidAclException">There is no such file, it cannot be read, or lines of it are broken: all of them are listed.</exception>
    public AclAuthorizer(string path, TimeProvider time, Action<AclReload>? onReload = null)
    {
        _file = new AclFile(path);
        _time = time;
        _onReload = onReload;
        _processed = _seen = _file.TryGetStamp(); // Before reading: a change meanwhile is then found by the first polls.
        _rules = _file.Load();
        _status = new AclStatus(_rules.Count, time.GetUtcNow(), LastError: null, Reloads: 0, FailedReloads: 0);
        _timer = time.CreateTimer(_ => StartPoll(), state: null, PollInterval, PollInterval);
    }

    /// <summary>The state as of the latest reload.</summary>
    public AclStatus Status => _status;

    /// <summary>The latest poll: what a test waits for.</summary>
    internal Task Polling
    {
        get
        {
            lock (_gate)
                return _polling;
        }
    }

    /// <inheritdoc/>
    public ValueTask<AuthorizerAnswer> AuthorizeAsync(AuthorizationQuery query, CancellationToken cancellationToken) =>
        new(_rules.Decide(query, _time.GetUtcNow()));

    /// <summary>Stops watching; a poll in progress ends by itself.</summary>
    public void Dispose()
    {
        lock (_gate)
            _isDisposed = true;
        _timer.Dispose();
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
            if (_polling.IsCompleted && !_isDisposed)
                _polling = Task.Run(Poll);
        }
    }

    private void Poll()
    {
        var stamp = _file.TryGetStamp();
        var isStable = stamp == _seen;
        _seen = stamp;
        if (isStable && stamp != _processed)
            Reload(stamp);
    }

    private void Reload(AclFile.Stamp? stamp)
    {
        var started = _time.GetTimestamp();
        AclRules? rules = null;
        InvalidAclException? failure = null;
        try
        {
            rules = _file.Load();
        }
        catch (InvalidAclException e)
        {
            failure = e;
        }

        if (_file.TryGetStamp() != stamp)
            return; // Changed while it was read: what was read may be half of each version. The next polls see to it.

        // An unreadable file is tried again at each poll (a changed permission does not show in the stamp), but reported once.
        if (failure is not { IsUnreadable: true } || stamp is null)
            _processed = stamp;
        if (failure is { IsUnreadable: true } && string.Equals(failure.Message, _status.LastError, StringComparison.Ordinal))
            return;

        if (rules is not null)
        {
            _rules = rules;
            _status = new AclStatus(rules.Count, _time.GetUtcNow(), LastError: null, _status.Reloads + 1, _status.FailedReloads);
        }
        else
        {
            _status = _status with { LastError = failure!.Message, FailedReloads = _status.FailedReloads + 1 };
        }

        _onReload?.Invoke(new AclReload(_status, failure?.Problems ?? [], _time.GetElapsedTime(started)));
    }
}
