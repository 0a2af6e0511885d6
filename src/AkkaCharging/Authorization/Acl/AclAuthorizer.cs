using AkkaCharging.Files;

namespace AkkaCharging.Authorization.Acl;

/// <summary>
/// Answers from an access list in a file; watches the file and replaces the whole list when it changes.
/// </summary>
/// <remarks>
/// A change takes effect after one to two seconds. When the file is broken, missing or does not respond, the current
/// list stays in force and the problem is reported.
/// </remarks>
internal sealed class AclAuthorizer : IAuthorizer, IDisposable
{
    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly Action<AclReload>? _onReload;
    private readonly AclTokenForm? _form;
    private readonly FileWatch _watch;

    // Replaced by the poll, of which one runs at a time; read by any thread.
    private volatile AclRules _rules;
    private volatile AclStatus _status;

    /// <summary>Loads the list and starts watching it.</summary>
    /// <param name="path">Path of the file, relative to the working directory.</param>
    /// <param name="onReload">Called after each reload; must not throw or block.</param>
    /// <param name="form">The form of the list's tokens; null for the default form.</param>
    /// <exception cref="InvalidAclException">The file is missing, cannot be read or has broken lines, all of which are
    /// listed.</exception>
    public AclAuthorizer(string path, TimeProvider time, Action<AclReload>? onReload = null, AclTokenForm? form = null)
    {
        (_path, _time, _onReload, _form) = (path, time, onReload, form);
        _watch = new FileWatch(path, time, Read, ReportUnread);
        _rules = LoadFirst();
        _status = new AclStatus(_rules.Count, time.GetUtcNow(), LastError: null, Reloads: 0, FailedReloads: 0);
        _watch.Start();
    }

    /// <summary>The status after the latest reload.</summary>
    public AclStatus Status => _status;

    /// <summary>The latest poll of the file, for tests to await.</summary>
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
