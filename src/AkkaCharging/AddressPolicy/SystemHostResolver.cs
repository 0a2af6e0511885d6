using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace AkkaCharging.AddressPolicy;

/// <summary>Resolves names with the system's resolver on dedicated threads.</summary>
/// <remarks>
/// Only absolute names are looked up (<see cref="AbsoluteLookup"/>). getaddrinfo blocks its thread while the name
/// servers are silent (10 s and more), and <see cref="Dns.GetHostAddressesAsync(string)"/> runs it on the thread pool,
/// so silent names would freeze the service. This class prevents that:
/// <list type="bullet">
/// <item>Each name has at most one look-up at a time, shared by all callers, so a silent name holds one thread
/// only.</item>
/// <item>Half of the threads serve only names that answered within the last hour, so a flood of new silent names does
/// not delay those.</item>
/// <item>Of the other names, each zone (the last two labels, or three below suffixes such as co.uk) has at most one
/// look-up at a time and at most half of the queue. A zone with silent name servers and a wildcard of names holds one
/// thread, and other names are still resolved.</item>
/// <item>The queues are bounded, and a look-up without waiting callers leaves its queue.</item>
/// <item>A name that failed fails again at once for a few seconds, unless a late answer comes.</item>
/// </list>
/// Cost: a name is looked up twice before its first connection, once to check whether a connection is worth attempting
/// (<see cref="FindFailureAsync"/>). While silent zones hold all unreserved threads, a name that was never resolved
/// before has to wait for the delivery's next attempt. Errors: <see cref="NameResolutionException"/>;
/// <see cref="ObjectDisposedException"/> after <see cref="Dispose"/>.
/// </remarks>
internal sealed class SystemHostResolver : IHostResolver, IDisposable
{
    private const int NamesRememberedMax = 10_000;

    // ENFILE and EMFILE, which .NET leaves in the HResult of an IOException.
    private const int TooManyFilesOfTheMachine = 23;
    private const int TooManyFiles = 24;

    private static readonly TimeSpan AnsweredLifetime = TimeSpan.FromHours(1);

    // Longer than a connection's lifetime: a name that is not remembered has no open connection.
    private static readonly TimeSpan ReachableLifetime =
        CallbackHttpHandler.ConnectionLifetime + TimeSpan.FromMinutes(1);

    private readonly TimeProvider _time;
    private readonly SystemHostResolverOptions _options;
    private readonly NameMemory<NameResolutionFailure> _failed;
    private readonly NameMemory<bool> _answered;
    private readonly NameMemory<bool> _reachable;
    private readonly Dictionary<string, Lookup> _underWay = new(StringComparer.OrdinalIgnoreCase);
    private readonly LinkedList<Lookup> _knownNames = new();
    private readonly LinkedList<Lookup> _otherNames = new();
    private readonly HashSet<string> _zonesAsked = new(StringComparer.OrdinalIgnoreCase);

    // Guards the fields above. A plain object, because the threads wait on it with Monitor.Wait.
    private readonly object _gate = new();
    private bool _disposed;

    /// <summary>Starts the threads.</summary>
    public SystemHostResolver(TimeProvider time, SystemHostResolverOptions? options = null)
    {
        _time = time;
        _options = options ?? new();
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.Threads, 2, nameof(options));
        _failed = new(NamesRememberedMax, _options.FailureLifetime, time);
        _answered = new(NamesRememberedMax, AnsweredLifetime, time);
        _reachable = new(NamesRememberedMax, ReachableLifetime, time);
        for (var i = 0; i < _options.Threads; i++)
        {
            var knownOnly = i < _options.Threads / 2;
            new Thread(() => Work(knownOnly)) { IsBackground = true, Name = $"resolver-{i}" }.Start();
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<IPAddress>> ResolveAsync(string host, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(WithoutRoot(host), cancellationToken);
        return answer.Addresses ?? throw new NameResolutionException(host, answer.Failure, answer.Cause);
    }

    /// <inheritdoc/>
    public async ValueTask<NameResolutionFailure?> FindFailureAsync(string host, CancellationToken cancellationToken)
    {
        host = WithoutRoot(host);
        lock (_gate)
        {
            if (_reachable.TryRecall(host, out _))
                return null;
        }

        var answer = await AskAsync(host, cancellationToken);
        return answer.Addresses is null ? answer.Failure : null;
    }

    /// <summary>
    /// Fails all waiting callers and ends the threads; a blocked thread ends when the system's resolver returns.
    /// </summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (var lookup in _underWay.Values)
                lookup.Fail(new ObjectDisposedException(nameof(SystemHostResolver)));
            Monitor.PulseAll(_gate);
        }
    }

    // A name with and without its trailing dot shares one entry in each memory and queue, and one zone.
    private static string WithoutRoot(string host) => host is [.. var name, '.'] ? name : host;

    private async ValueTask<Answer> AskAsync(string host, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!TryJoin(host, out var lookup, out var kind))
            return new(kind);
        var joinedAt = _time.GetTimestamp();
        try
        {
            await ((Task)lookup.Answer.Task.WaitAsync(_options.Timeout, _time, cancellationToken)).ConfigureAwait(
                ConfigureAwaitOptions.SuppressThrowing
            );
            if (lookup.Answer.Task.IsCompleted)
                return await lookup.Answer.Task;

            // A caller whose own limit ends at the same time must not hide that the name is slow.
            if (_time.GetElapsedTime(joinedAt) < _options.Timeout)
                cancellationToken.ThrowIfCancellationRequested();
            var failure = GaveUpOn(lookup);
            cancellationToken.ThrowIfCancellationRequested();
            return failure is null ? await lookup.Answer.Task : new(failure.Value);
        }
        finally
        {
            Leave(lookup);
        }
    }

    /// <summary>
    /// Joins the pending look-up of a name or starts one; false when the name failed recently or the queue is full.
    /// </summary>
    private bool TryJoin(string host, [NotNullWhen(true)] out Lookup? lookup, out NameResolutionFailure kind)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            lookup = null;
            if (_failed.TryRecall(host, out kind))
                return false;

            if (!_underWay.TryGetValue(host, out lookup))
            {
                lookup = new Lookup(host);
                var queue = _answered.TryRecall(host, out _) ? _knownNames : _otherNames;
                if (queue.Count >= _options.QueueCapacity || (queue == _otherNames && HasItsShare(lookup.Zone)))
                {
                    kind = NameResolutionFailure.Overloaded;
                    return false;
                }

                lookup.Place = queue.AddLast(lookup);
                _underWay.Add(host, lookup);
                Monitor.PulseAll(_gate);
            }

            lookup.Waiting++;
            return true;
        }
    }

    private bool HasItsShare(string zone) =>
        _otherNames.Count >= _options.QueueCapacity / 2
        && _otherNames.Count(waiting => waiting.IsIn(zone)) >= _options.QueueCapacity / 2;

    /// <returns>Null when the answer has come meanwhile.</returns>
    private NameResolutionFailure? GaveUpOn(Lookup lookup)
    {
        lock (_gate)
        {
            if (lookup.Answer.Task.IsCompleted)
                return null;
            // The name was not looked up, so nothing is known about it.
            if (lookup.Place is not null)
                return NameResolutionFailure.Overloaded;

            lookup.IsLate = true;
            _failed.Remember(lookup.Host, NameResolutionFailure.TimedOut);
            _answered.Forget(lookup.Host);
            return NameResolutionFailure.TimedOut;
        }
    }

    private void Leave(Lookup lookup)
    {
        lock (_gate)
        {
            if (--lookup.Waiting > 0 || lookup.Place is not { } place)
                return;
            place.List!.Remove(place);
            _underWay.Remove(lookup.Host);
        }
    }

    private void Work(bool knownOnly)
    {
        while (Next(knownOnly) is { } lookup)
        {
            try
            {
                Finish(lookup, _options.Lookup(lookup.Host));
            }
            catch (Exception e)
            {
                // The thread's outermost handler: no failure of one name may end the thread and with it the process.
                Finish(lookup, KindOf(e), e);
            }
        }
    }

    // What an exception says of files comes first: when the process is asked, there may be files again.
    private NameResolutionFailure KindOf(Exception failure) =>
        failure is IOException { HResult: TooManyFilesOfTheMachine or TooManyFiles } || _options.AreFilesOut()
            ? NameResolutionFailure.OutOfFiles
            : failure switch
            {
                // EAI_AGAIN: the system gave up on silent or failing name servers.
                SocketException { SocketErrorCode: SocketError.TryAgain } => NameResolutionFailure.TimedOut,
                // The hosts file could not be read, so nothing is known about the name.
                IOException => NameResolutionFailure.Overloaded,
                _ => NameResolutionFailure.NotFound,
            };

    private Lookup? Next(bool knownOnly)
    {
        lock (_gate)
        {
            while (!_disposed)
            {
                if ((_knownNames.First ?? (knownOnly ? null : FirstOfAFreeZone())) is { } place)
                {
                    var lookup = place.Value;
                    lookup.HoldsZone = place.List == _otherNames && _zonesAsked.Add(lookup.Zone);
                    lookup.Place = null;
                    place.List!.Remove(place);
                    return lookup;
                }

                Monitor.Wait(_gate);
            }

            return null;
        }
    }

    private LinkedListNode<Lookup>? FirstOfAFreeZone()
    {
        var place = _otherNames.First;
        while (place is not null && _zonesAsked.Contains(place.Value.Zone))
            place = place.Next;
        return place;
    }

    private void Finish(Lookup lookup, IPAddress[] addresses)
    {
        if (addresses.Length == 0)
        {
            Finish(lookup, NameResolutionFailure.NotFound, inner: null);
            return;
        }

        lock (_gate)
        {
            Release(lookup);

            // A name that answers slowly would delay those that answer in time.
            if (!lookup.IsLate)
                _answered.Remember(lookup.Host, true);
            _failed.Forget(lookup.Host);
            _reachable.Remember(lookup.Host, true);
            lookup.Answer.TrySetResult(new(addresses));
        }
    }

    private void Finish(Lookup lookup, NameResolutionFailure kind, Exception? inner)
    {
        lock (_gate)
        {
            Release(lookup);
            if (kind is not (NameResolutionFailure.Overloaded or NameResolutionFailure.OutOfFiles))
            {
                _failed.Remember(lookup.Host, kind);
                _answered.Forget(lookup.Host);
            }

            lookup.Answer.TrySetResult(new(kind, inner));
        }
    }

    private void Release(Lookup lookup)
    {
        _underWay.Remove(lookup.Host);
        if (!lookup.HoldsZone)
            return;
        _zonesAsked.Remove(lookup.Zone);
        Monitor.PulseAll(_gate);
    }

    /// <summary>The addresses of a name, or why there are none.</summary>
    private readonly record struct Answer(
        IReadOnlyList<IPAddress>? Addresses,
        NameResolutionFailure Failure,
        Exception? Cause
    )
    {
        public Answer(IReadOnlyList<IPAddress> addresses)
            : this(addresses, default, Cause: null) { }

        public Answer(NameResolutionFailure failure, Exception? cause = null)
            : this(Addresses: null, failure, cause) { }
    }

    private sealed class Lookup(string host)
    {
        public string Host { get; } = host;

        public string Zone { get; } = ZoneOf(host);

        public bool HoldsZone { get; set; }

        public TaskCompletionSource<Answer> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>The look-up's place in its queue; null once a thread has taken it.</summary>
        public LinkedListNode<Lookup>? Place { get; set; }

        public int Waiting { get; set; }

        public bool IsLate { get; set; }

        public bool IsIn(string zone) => string.Equals(Zone, zone, StringComparison.OrdinalIgnoreCase);

        public void Fail(Exception exception)
        {
            Answer.TrySetException(exception);

            // Observes the exception, so that an answer without a waiting caller is not reported as unobserved.
            _ = Answer.Task.Exception;
        }

        // Many registries of countries sell names below one of these (co.uk, com.br), whose owners have nothing to do
        // with each other.
        private static readonly FrozenSet<string> SharedLabels = new[]
        {
            "ac",
            "co",
            "com",
            "edu",
            "go",
            "gob",
            "gov",
            "gv",
            "ltd",
            "me",
            "mil",
            "ne",
            "net",
            "nom",
            "or",
            "org",
            "plc",
            "sch",
        }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

        private static string ZoneOf(string host)
        {
            var labels = host.Split('.');
            var isBelowASharedSuffix = labels is [.., var second, { Length: 2 }] && SharedLabels.Contains(second);
            return string.Join('.', labels.TakeLast(isBelowASharedSuffix ? 3 : 2));
        }
    }
}
