using System.Collections.Concurrent;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Memory;

/// <summary>
/// Keeps requests in the process's memory: for those who choose speed and accept that a crash loses what is pending.
/// </summary>
/// <remarks>
/// Settled requests leave in the order in which they settled, by age and beyond <c>journal.maxSettledRows</c>, a few
/// with each settlement.
/// </remarks>
internal sealed class MemoryJournal(JournalSettings settings, TimeProvider time) : IJournal
{
    private readonly ConcurrentDictionary<RequestId, Entry> _entries = new();

    // in the order in which they settled, by the clock that nobody sets
    private readonly ConcurrentQueue<(DateTimeOffset At, long Since, RequestId Id)> _settled = new();
    private readonly ConcurrentDictionary<string, Claim> _claims = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<Claim> _claimsByAge = new();
    private readonly SortedSet<DeadLetterCursor> _dead = new(DeadLetterOrder.Instance); // under its own lock

    // one at a time: between a look at the oldest and its removal, another could make the next one the oldest
    private readonly Lock _forgetting = new();
    private int _settledCount;

    /// <inheritdoc/>
    public JournalStatus Status { get; } = new("memory", IsAvailable: true, Problem: null);

    /// <inheritdoc/>
    public IdempotencyHasher Hasher { get; } = IdempotencyHasher.WithRandomSecret();

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Nothing: what an earlier process kept in its memory is gone.</summary>
    public IAsyncEnumerable<UnsettledRequest> ReadUnsettledAsync(CancellationToken cancellationToken) =>
        AsyncEnumerable.Empty<UnsettledRequest>();

    /// <inheritdoc/>
    public ValueTask<AcceptResult> AcceptAsync(
        ChargingRequest request,
        IdempotencyClaim? idempotency,
        CancellationToken cancellationToken
    )
    {
        if (idempotency is not null)
        {
            ForgetOldClaims();
            var mine = new Claim(idempotency.KeyHash, new(request.Id, idempotency.BodyHash), time.GetTimestamp());
            var first = _claims.GetOrAdd(idempotency.KeyHash, mine);
            if (first.Kept.Id != request.Id)
                return new(first.Kept.Answer(idempotency));
            _claimsByAge.Enqueue(mine);
        }

        _entries[request.Id] = new Entry(request);
        return new(new AcceptResult(AcceptOutcome.Accepted, request.Id));
    }

    /// <inheritdoc/>
    public ValueTask<AcceptResult?> FindAcceptedAsync(IdempotencyClaim claim, CancellationToken cancellationToken)
    {
        ForgetOldClaims();
        return new(_claims.GetValueOrDefault(claim.KeyHash)?.Kept.Answer(claim));
    }

    /// <inheritdoc/>
    public ValueTask<Decision> DecideAsync(RequestId id, Decision decision, CancellationToken cancellationToken) =>
        new(_entries.TryGetValue(id, out var entry) ? entry.Decide(decision) : decision);

    /// <inheritdoc/>
    public ValueTask RecordAttemptAsync(RequestId id, CallbackAttempt attempt, CancellationToken cancellationToken)
    {
        if (_entries.TryGetValue(id, out var entry))
            entry.Record(attempt);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask SettleAsync(RequestId id, Settlement settlement, CancellationToken cancellationToken)
    {
        if (_entries.TryGetValue(id, out var entry) && entry.Settle(settlement))
        {
            if (settlement.State == RequestState.Failed)
            {
                lock (_dead)
                    _dead.Add(new(settlement.At, id));
            }

            _settled.Enqueue((settlement.At, time.GetTimestamp(), id));
            Interlocked.Increment(ref _settledCount);
            ForgetOldRequests();
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<RequestRecord?> FindAsync(RequestId id, CancellationToken cancellationToken)
    {
        ForgetOldRequests();
        return new(_entries.TryGetValue(id, out var entry) ? entry.ToRecord(id) : null);
    }

    /// <inheritdoc/>
    public ValueTask<DeadLetterPage> ListDeadLettersAsync(
        DeadLetterQuery query,
        DeadLetterCursor? after,
        int most,
        CancellationToken cancellationToken
    )
    {
        ForgetOldRequests();
        lock (_dead)
            return new(DeadLetterPage.Of([.. Matching(query, after).Take(most)], most));
    }

    /// <inheritdoc/>
    public ValueTask<long> CountDeadLettersAsync(DeadLetterQuery query, CancellationToken cancellationToken)
    {
        ForgetOldRequests();
        lock (_dead)
            // those of a million that match are looked at one by one
            return new(query == new DeadLetterQuery() ? _dead.Count : Matching(query, after: null).LongCount());
    }

    /// <inheritdoc/>
    public ValueTask<RedriveResult> RedriveAsync(RequestId id, DateTimeOffset at, CancellationToken cancellationToken)
    {
        ForgetOldRequests();
        if (!_entries.TryGetValue(id, out var entry))
            return new(new RedriveResult(RedriveOutcome.NotFound));
        if (entry.Redrive(at) is not ({ } request, var settledAt))
            return new(new RedriveResult(RedriveOutcome.NotDeadLetter));
        Bury(id, settledAt);
        Interlocked.Decrement(ref _settledCount);
        return new(new RedriveResult(RedriveOutcome.Redriven, request));
    }

    /// <inheritdoc/>
    public ValueTask<DiscardOutcome> DiscardAsync(RequestId id, CancellationToken cancellationToken)
    {
        ForgetOldRequests();
        if (!_entries.TryGetValue(id, out var entry))
            return new(DiscardOutcome.NotFound);
        if (entry.Discard() is not { } settledAt)
            return new(DiscardOutcome.NotDeadLetter);
        Bury(id, settledAt);
        return new(DiscardOutcome.Discarded);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private IEnumerable<DeadLetter> Matching(DeadLetterQuery query, DeadLetterCursor? after)
    {
        var (first, end) = (
            new DeadLetterCursor(StoredNames.Time(query.FirstTicks(DateTimeOffset.MinValue)), default),
            query.End(after)
        );
        return DeadLetterOrder.Instance.Compare(first, end) >= 0
            ? []
            : _dead
                .GetViewBetween(first, end)
                .Reverse()
                .Where(place => place != end)
                .Select(place => _entries.GetValueOrDefault(place.Id)?.ToDeadLetter())
                .OfType<DeadLetter>()
                .Where(letter =>
                    query.Destination is null
                    || string.Equals(letter.Destination, query.Destination.ToString(), StringComparison.Ordinal)
                );
    }

    /// <summary>Takes what is no dead letter any more out of the list.</summary>
    private void Bury(RequestId id, DateTimeOffset settledAt)
    {
        lock (_dead)
            _dead.Remove(new(settledAt, id));
    }

    private void ForgetOldRequests()
    {
        lock (_forgetting)
        {
            // One that was redriven is pending again, or settled later: then it has another place further back.
            while (
                _settled.TryPeek(out var next)
                && (
                    time.GetElapsedTime(next.Since) >= settings.Retention
                    || Volatile.Read(ref _settledCount) > settings.MaxSettledRows
                    || _entries.GetValueOrDefault(next.Id)?.IsSettled(next.At) != true
                )
            )
            {
                _settled.TryDequeue(out _);
                if (_entries.GetValueOrDefault(next.Id)?.TryForget(next.At) != true)
                    continue;
                Interlocked.Decrement(ref _settledCount);
                _entries.TryRemove(next.Id, out _);
                Bury(next.Id, next.At);
            }
        }
    }

    private void ForgetOldClaims()
    {
        lock (_forgetting)
        {
            while (
                _claimsByAge.TryPeek(out var claim) && time.GetElapsedTime(claim.Since) >= IdempotencyClaim.Retention
            )
            {
                _claimsByAge.TryDequeue(out _);
                _claims.TryRemove(KeyValuePair.Create(claim.KeyHash, claim));
            }
        }
    }

    private sealed class DeadLetterOrder : IComparer<DeadLetterCursor>
    {
        public static readonly DeadLetterOrder Instance = new();

        public int Compare(DeadLetterCursor x, DeadLetterCursor y) =>
            (x.SettledAt, x.Id.Value).CompareTo((y.SettledAt, y.Id.Value));
    }

    private sealed record Claim(string KeyHash, KeptClaim Kept, long Since);

    /// <summary>One request's row; its own lock, because a decision and a look-up may meet.</summary>
    /// <remarks>
    /// A million of them stay when they are settled: what is kept of those is a few objects, and each was copied by two
    /// collections before it is old.
    /// </remarks>
    private sealed class Entry(ChargingRequest request)
    {
        private readonly Lock _gate = new();
        private readonly string _station = request.Station.Text;
        private readonly string _tokenMasked = request.Token.Masked;
        private readonly string? _apiKeyName = request.ApiKeyName;
        private readonly DateTimeOffset _acceptedAt = request.AcceptedAt;
        private readonly TimeSpan _age = request.ExpiresAt - request.AcceptedAt;
        private DateTimeOffset _expiresAt = request.ExpiresAt;
        private int _attemptsMade;
        private ChargingRequest? _request = request; // gone as soon as nobody needs its secrets any more
        private Decision? _decision;
        private RequestState? _settledAs;
        private DateTimeOffset _settledAt;
        private CallbackAttempt[] _attempts = []; // without the last one
        private CallbackAttempt? _lastAttempt;

        private CallbackAttempt[] Attempts => _lastAttempt is null ? [] : [.. _attempts, _lastAttempt];

        public Decision Decide(Decision decision)
        {
            lock (_gate)
                return _decision ??= decision;
        }

        public void Record(CallbackAttempt attempt)
        {
            lock (_gate)
                Add(attempt);
        }

        public bool Settle(Settlement settlement)
        {
            lock (_gate)
            {
                if (_settledAs is not null)
                    return false;
                (_settledAs, _settledAt) = (settlement.State, settlement.At);
                if (settlement.State != RequestState.Failed)
                    _request = null;
                if (settlement.LastAttempt is { } last)
                    Add(last);
                return true;
            }
        }

        /// <summary>Makes a dead letter pending again; null when it is none.</summary>
        public (UnsettledRequest Request, DateTimeOffset SettledAt)? Redrive(DateTimeOffset at)
        {
            lock (_gate)
            {
                if (_settledAs is null || _request is null)
                    return null;
                _settledAs = null;
                _attempts = [.. _attempts.TakeLast(StoredNames.AttemptsKept - 1)];
                (_expiresAt, _attemptsMade) = (at + _age, 0);
                _request = _request with { ExpiresAt = _expiresAt };
                return (new(_request, _decision, AttemptsMade: 0, IsRedriven: true, at), _settledAt);
            }
        }

        /// <summary>Erases a dead letter's secrets.</summary>
        /// <returns>When it had failed; null when it is no dead letter.</returns>
        public DateTimeOffset? Discard()
        {
            lock (_gate)
            {
                if (_settledAs is null || _request is null)
                    return null;
                _request = null;
                return _settledAt;
            }
        }

        public bool IsSettled(DateTimeOffset at)
        {
            lock (_gate)
                return _settledAs is not null && _settledAt == at;
        }

        /// <summary>
        /// Erases what settled at <paramref name="at"/>, so that nobody redrives what is about to be forgotten; false
        /// when it did not.
        /// </summary>
        public bool TryForget(DateTimeOffset at)
        {
            lock (_gate)
            {
                if (_settledAs is null || _settledAt != at)
                    return false;
                _request = null;
                return true;
            }
        }

        /// <summary>Null when it is none.</summary>
        public DeadLetter? ToDeadLetter()
        {
            lock (_gate)
            {
                return _settledAs is null || _request is null
                    ? null
                    : new(
                        _request.Id,
                        _station,
                        _tokenMasked,
                        _request.Callback.Destination.ToString(),
                        _lastAttempt,
                        Attempts.Length,
                        _decision?.Status,
                        _acceptedAt,
                        _settledAt
                    );
            }
        }

        public RequestRecord ToRecord(RequestId id)
        {
            lock (_gate)
            {
                var state = _settledAs ?? (_decision is null ? RequestState.Queued : RequestState.Decided);
                return new(
                    id,
                    _station,
                    _tokenMasked,
                    _apiKeyName,
                    state,
                    _decision,
                    _acceptedAt,
                    _settledAs is null ? null : _settledAt,
                    Attempts,
                    _expiresAt,
                    _attemptsMade
                );
            }
        }

        private void Add(CallbackAttempt attempt)
        {
            _attemptsMade++;
            if (_lastAttempt is not null)
                _attempts = [.. _attempts, _lastAttempt];
            _lastAttempt = attempt;
        }
    }
}
