using AkkaCharging.Files;

namespace AkkaCharging.Authorization.Acl;

/// <summary>Answers from an access list in a file, which is watched and swapped in whole when it changes.</summary>
/// <remarks>
/// A change is in force one to two seconds later. A broken, vanished or hanging file keeps the list in force and is
/// reported.
/// </remarks>
internal sealed class AclAuthorizer : IAuthorizer, IDisposable
{
    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly Action<AclReload>? _onReload;
    private readonly AclTokenForm? _form;
    private readonly FileWatch _watch;

    // Replaced by the one poll that runs at a time, read by any thread.
    private volatile AclRules _rules;
    private volatile AclStatus _status;

    /// <summary>Loads the list and starts watching it.</summary>
    /// <param name="path">Relative to the working directory.</param>
    /// <param name="onReload">Called after each reload; must not throw or block.</param>
    /// <param name="form">What its tokens look like; null for the form without any setting.</param>
    /// <exception cref="InvalidAclException">There is no such file, it cannot be read, or lines of it are broken: all
    /// of them are listed.</exception>
    public AclAuthorizer(string path, TimeProvider time, Action<AclReload>? onReload = null, AclTokenForm? form = null)
    {
        (_path, _time, _onReload, _form) = (path, time, onReload, form);
        _watch = new FileWatch(path, time, Read, ReportUnread);
        _rules = LoadFirst();
        _status = new AclStatus(_rules.Count, time.GetUtcNow(), LastError: null, Reloads: 0, FailedReloads: 0);
        _watch.Start();
    }

    /// <summary>The state as of the latest reload.</summary>
    public AclStatus Status => _status;

    /// <summary>The latest look at the file: what a test waits for.</summary>
    internal Task Polling => _watch.Polling;

    /// <inheritdoc/>
    public ValueTask<AuthorizerAnswer> AuthorizeAsync(AuthorizationQuery query, CancellationToken cancellationToken) =>
        new(_rules.Decide(query, _time.GetUtcNow()));

    /// <summary>Stops watching at once; a reload in progress has no effect.</summary>
    public void Dispose() => _watch.Dispose();

    private AclRules LoadFirst()
    {
        try
        {
            return _watch.ReadFirst(() => AclFile.Load(_path, _form));
        }
        catch (TimeoutException e)
        {
            throw new InvalidAclException(_path, [e.Message], e);
        }
    }

    private FileReading Read()
    {
        var started = _time.GetTimestamp();
        try
        {
            var rules = AclFile.Load(_path, _form);
            return new(() => Take(rules, _time.GetElapsedTime(started)));
        }
        catch (InvalidAclException e)
        {
            return new(() => Report(e, _time.GetElapsedTime(started)), e.IsUnreadable ? e.Message : null);
        }
    }

    private void Take(AclRules rules, TimeSpan duration)
    {
        _rules = rules;
        _status = new AclStatus(
            rules.Count,
            _time.GetUtcNow(),
            LastError: null,
            _status.Reloads + 1,
            _status.FailedReloads
        );
        _onReload?.Invoke(new AclReload(_status, [], duration));
    }

    private void ReportUnread(string problem) =>
        Report(new InvalidAclException(_path, [problem]), duration: TimeSpan.Zero);

    private void Report(InvalidAclException failure, TimeSpan duration)
    {
        _status = _status with { LastError = failure.Message, FailedReloads = _status.FailedReloads + 1 };
        _onReload?.Invoke(new AclReload(_status, failure.Problems, duration));
    }
}
