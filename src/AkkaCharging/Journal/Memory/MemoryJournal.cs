using System.Collections.Concurrent;
using AkkaCharging.Journal.Retention;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Memory;

/// <summary>Stores requests in the process's memory: fast, but a crash loses pending requests.</summary>
/// <remarks>
/// Settled requests are deleted by age, and when they exceed the number or the memory that
/// <c>journal.maxSettledRows</c> allows (<see cref="CallerShares"/>): a few with each settlement.
/// </remarks>
/// <param name="notice">Notifies the operator.</param>
internal sealed class MemoryJournal(JournalSettings settings, TimeProvider time, JournalNotice? notice = null)
    : IJournal
{
    /// <summary>Memory for settled requests, for each of <c>journal.maxSettledRows</c>.</summary>
    public const int BytesPerRow = 1_024;

    /// <summary>Minimum memory for settled requests, so that a few large ones fit even with a low limit.</summary>
    public const int LeastBytes = 16 << 20;

    private readonly ConcurrentDictionary<RequestId, Entry> _entries = new();
    private readonly ConcurrentDictionary<string, Claim> _claims = new(StringComparer.Ordinal);
    private readonly SortedSet<DeadLetterCursor> _dead = new(DeadLetterOrder.Instance); // under its own lock
    private readonly EarlyDeletions _early = new(time, notice);
    private readonly long _bytesMax = Math.Max(LeastBytes, (long)settings.MaxSettledRows * BytesPerRow);

    // Guards the fields below, and each change of whether a request is settled or a dead letter.
    private readonly Lock _settling = new();
    private readonly Dictionary<SettledGroup, SortedSet<Entry>> _settled = [];
    private readonly CallerShares _rows = new();
    private readonly CallerShares _bytes = new();
    private readonly LinkedList<Claim> _claimsByAge = new();
    private long? _oldest; // no settled request has an earlier time of settling

    /// <inheritdoc/>
    public JournalStatus Status => new("memory", IsAvailable: true, Problem: null, EarlyDeletions: _early.Counts);

    /// <inheritdoc/>
    public IdempotencyHasher Hasher { get; } = IdempotencyHasher.WithRandomSecret();

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Returns nothing: the memory of an earlier process is lost.</summary>
    public IAsyncEnumerable<UnsettledRequest> ReadUnsettledAsync(CancellationToken cancellationToken) =>
        AsyncEnumerable.Empty<UnsettledRequest>();

    /// <inheritdoc/>
    public ValueTask<AcceptResult> AcceptAsync(
        ChargingRequest request,
        IdempotencyClaim? idempotency,
        CancellationToken cancellationToken
    )
    {
        Claim? mine = null;
        if (idempotency is not null)
        {
            ForgetOldClaims();
            mine = new Claim(idempotency.KeyHash, new(request.Id, idempotency.BodyHash), time.GetTimestamp());
            var first = _claims.GetOrAdd(idempotency.KeyHash, mine);
            if (first.Kept.Id != request.Id)
                return new(first.Kept.Answer(idempotency));
            lock (_settling)
                _claimsByAge.AddLast(mine.Place);
        }

        _entries[request.Id] = new Entry(request, Hasher.Fingerprint(request.Token), mine);
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
        if (!_entries.TryGetValue(id, out var entry))
            return ValueTask.CompletedTask;
        lock (_settling)
        {
            if (!entry.Settle(settlement, time.GetTimestamp()))
                return ValueTask.CompletedTask;
            if (settlement.State == RequestState.Failed)
            {
                lock (_dead)
                    _dead.Add(new(settlement.At, id));
            }

            Add(entry);
            _oldest ??= entry.SettledSince;
        }

        ForgetOldRequests();
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<RequestRecord?> FindAsync(RequestId id, CancellationToken cancellationToken)
    {
        ForgetOldRequests();
        return new(_entries.TryGetValue(id, out var entry) ? entry.ToRecord() : null);
    }

    /// <inheritdoc/>
    public ValueTask<RequestPage> SearchAsync(
        RequestQuery query,
        RequestId? before,
        int most,
        CancellationToken cancellationToken
    )
    {
        ForgetOldRequests();
        var end = before ?? query.EndId;

        // Keeps the newest matches only, the smallest on top, so that a million need not be sorted.
        var newest = new PriorityQueue<Entry, Guid>();
        foreach (var (id, entry) in _entries)
        {
            if (id.Value >= end.Value || !entry.Matches(query))
                continue;
            newest.Enqueue(entry, id.Value);
            if (newest.Count > most)
                newest.Dequeue();
        }

        var found = newest
            .UnorderedItems.OrderByDescending(item => item.Priority)
            .Select(item => item.Element.ToRecord())
            .ToList();
        return new(new RequestPage(found, found.Count == most ? found[^1].Id : null, []));
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
            // With conditions, the letters are counted one by one, up to a million.
            return new(query == new DeadLetterQuery() ? _dead.Count : Matching(query, after: null).LongCount());
    }

    /// <inheritdoc/>
    public ValueTask<RedriveResult> RedriveAsync(RequestId id, DateTimeOffset at, CancellationToken cancellationToken)
    {
        ForgetOldRequests();
        lock (_settling)
        {
            if (!_entries.TryGetValue(id, out var entry))
                return new(new RedriveResult(RedriveOutcome.NotFound));
            if (!entry.IsDeadLetter)
                return new(new RedriveResult(RedriveOutcome.NotDeadLetter));
            Remove(entry);
            return new(new RedriveResult(RedriveOutcome.Redriven, entry.Redrive(at)));
        }
    }

    /// <inheritdoc/>
    public ValueTask<DiscardOutcome> DiscardAsync(RequestId id, CancellationToken cancellationToken)
    {
        ForgetOldRequests();
        lock (_settling)
        {
            if (!_entries.TryGetValue(id, out var entry))
                return new(DiscardOutcome.NotFound);
            if (!entry.IsDeadLetter)
                return new(DiscardOutcome.NotDeadLetter);
            Remove(entry);
            entry.EraseSecrets();
            Add(entry);
            return new(DiscardOutcome.Discarded);
        }
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
                    (
                        query.Destination is null
                        || string.Equals(letter.Destination, query.Destination.ToString(), StringComparison.Ordinal)
                    )
                    && (query.Cause is null || letter.LastAttempt?.Cause == query.Cause)
                    && letter.AcceptedAt.UtcTicks >= query.AcceptedFromTicks
                    && letter.AcceptedAt.UtcTicks < query.AcceptedToTicks
                );
    }

    /// <summary>Adds a settled request to its group. Called under the lock.</summary>
    private void Add(Entry entry)
    {
        var group = entry.Group;
        if (!_settled.TryGetValue(group, out var settled))
            _settled[group] = settled = new(SettledOrder.Instance);
        settled.Add(entry);
        _rows.Add(group, 1);
        _bytes.Add(group, entry.MeasureBytes());
    }

    /// <summary>
    /// Removes a settled request from its group and, if it is a dead letter, from the list of dead letters. Called
    /// under the lock.
    /// </summary>
    private void Remove(Entry entry)
    {
        var group = entry.Group;
        var settled = _settled[group];
        settled.Remove(entry);
        if (settled.Count == 0)
            _settled.Remove(group);
        _rows.Add(group, -1);
        _bytes.Add(group, -entry.Bytes);
        if (!group.AreDeadLetters)
            return;
        lock (_dead)
            _dead.Remove(new(entry.SettledAt, entry.Id));
    }

    private void ForgetOldRequests()
    {
        var early = new List<(string, RequestState)>();
        lock (_settling)
        {
            if (_oldest is { } oldest && IsOld(oldest))
            {
                foreach (var group in _settled.Values.ToList())
                {
                    while (group.Min is { } first && IsOld(first.SettledSince))
                        Forget(first);
                }

                _oldest = _settled.Values.Min(group => group.Min?.SettledSince);
            }

            while ((_rows.Next(settings.MaxSettledRows) ?? _bytes.Next(_bytesMax)) is { } group)
            {
                var first = _settled[group].Min!;
                Forget(first);
                if (first.Claim is { } claim)
                    Forget(claim);
                early.Add((group.Caller, first.SettledAs!.Value));
            }
        }

        if (early.Count > 0)
            _early.Report(early);

        bool IsOld(long since) => time.GetElapsedTime(since) >= settings.Retention;
    }

    /// <summary>Deletes a settled request. Called under the lock.</summary>
    private void Forget(Entry entry)
    {
        Remove(entry);
        _entries.TryRemove(entry.Id, out _);
    }

    /// <summary>Deletes an idempotency key. Called under the lock.</summary>
    private void Forget(Claim claim)
    {
        if (claim.Place.List is not null)
            _claimsByAge.Remove(claim.Place);
        _claims.TryRemove(KeyValuePair.Create(claim.KeyHash, claim));
    }

    private void ForgetOldClaims()
    {
        lock (_settling)
        {
            while (
                _claimsByAge.First is { Value: var claim }
                && time.GetElapsedTime(claim.Since) >= IdempotencyClaim.Retention
            )
                Forget(claim);
        }
    }

    /// <summary>Orders requests by the time of settling on the monotonic clock.</summary>
    private sealed class SettledOrder : IComparer<Entry>
    {
        public static readonly SettledOrder Instance = new();

        public int Compare(Entry? x, Entry? y) =>
            (x!.SettledSince, x.Id.Value).CompareTo((y!.SettledSince, y.Id.Value));
    }

    private sealed class DeadLetterOrder : IComparer<DeadLetterCursor>
    {
        public static readonly DeadLetterOrder Instance = new();

        public int Compare(DeadLetterCursor x, DeadLetterCursor y) =>
            (x.SettledAt, x.Id.Value).CompareTo((y.SettledAt, y.Id.Value));
    }

    private sealed class Claim
    {
        public Claim(string keyHash, KeptClaim kept, long since)
        {
            (KeyHash, Kept, Since) = (keyHash, kept, since);
            Place = new(this);
        }

        public string KeyHash { get; }

        public KeptClaim Kept { get; }

        public long Since { get; }

        public LinkedListNode<Claim> Place { get; }
    }

    /// <summary>The row of one request, with its own lock, because a decision and a look-up may coincide.</summary>
    /// <remarks>
    /// Up to a million settled rows are kept, so a settled row consists of few objects: the garbage collector copies
    /// each object twice before it is old. Whether a row is settled or a dead letter changes under the journal's lock
    /// only.
    /// </remarks>
    private sealed class Entry(ChargingRequest request, byte[] fingerprint, Claim? claim)
    {
        // Measured on a 64-bit processor, including the references to the row in the dictionary and the sets.
        private const int RowBytes = 600;
        private const int AttemptBytes = 80;
        private const int SecretsBytes = 450;
        private const int ClaimBytes = 500;

        private readonly Lock _gate = new();
        private readonly string _station = request.Station.Text;
        private readonly string _tokenMasked = request.Token.Masked;
        private readonly string? _apiKeyName = request.ApiKeyName;
        private readonly DestinationKey _destination = request.Callback.Destination;
        private readonly long _acceptedAt = request.AcceptedAt.UtcTicks;
        private readonly TimeSpan _age = request.ExpiresAt - request.AcceptedAt;
        private long _expiresAt = request.ExpiresAt.UtcTicks;
        private long _settledAt;
        private int _attemptsMade;
        private ChargingRequest? _request = request; // null when its secrets are no longer needed
        private Decision? _decision;
        private CallbackAttempt[] _attempts = []; // without the last one
        private CallbackAttempt? _lastAttempt;

        public RequestId Id { get; } = request.Id;

        /// <summary>The idempotency key that the request was accepted with.</summary>
        public Claim? Claim => claim;

        /// <summary>The final state of the request; null while it is pending.</summary>
        public RequestState? SettledAs { get; private set; }

        public DateTimeOffset SettledAt => StoredNames.Time(_settledAt);

        /// <summary>When the request settled, by the monotonic clock.</summary>
        public long SettledSince { get; private set; }

        public bool IsDeadLetter => SettledAs is not null && _request is not null;

        /// <summary>The group of the request once it is settled.</summary>
        public SettledGroup Group => new(_apiKeyName ?? "", IsDeadLetter);

        /// <summary>Approximate memory of the row, measured when it settled or was discarded.</summary>
        public int Bytes { get; private set; }

        private RequestState State => SettledAs ?? (_decision is null ? RequestState.Queued : RequestState.Decided);

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

        public bool Settle(Settlement settlement, long now)
        {
            lock (_gate)
            {
                if (SettledAs is not null)
                    return false;
                (SettledAs, _settledAt, SettledSince) = (settlement.State, settlement.At.UtcTicks, now);
                if (settlement.State != RequestState.Failed)
                    _request = null;
                if (settlement.LastAttempt is { } last)
                    Add(last);
                return true;
            }
        }

        /// <summary>Makes a dead letter pending again.</summary>
        public UnsettledRequest Redrive(DateTimeOffset at)
        {
            lock (_gate)
            {
                SettledAs = null;
                _attempts = [.. _attempts.TakeLast(StoredNames.AttemptsKept - 1)];
                (_expiresAt, _attemptsMade) = ((at + _age).UtcTicks, 0);
                _request = _request! with { ExpiresAt = at + _age };
                return new(_request, _decision, AttemptsMade: 0, IsRedriven: true, at);
            }
        }

        /// <summary>Erases the secrets of a dead letter, which can no longer be redriven.</summary>
        public void EraseSecrets()
        {
            lock (_gate)
                _request = null;
        }

        /// <summary>Measures <see cref="Bytes"/>.</summary>
        public int MeasureBytes()
        {
            lock (_gate)
            {
                return Bytes =
                    RowBytes
                    + (_attempts.Length * AttemptBytes)
                    + (claim is null ? 0 : ClaimBytes)
                    + (sizeof(char) * (_decision?.Details?.TextLength ?? 0))
                    + (_request is null ? 0 : SecretsBytes + (sizeof(char) * TextLength(_request)));
            }
        }

        /// <summary>Returns the dead letter; null when the request is not one.</summary>
        public DeadLetter? ToDeadLetter()
        {
            lock (_gate)
            {
                return SettledAs is null || _request is null
                    ? null
                    : new(
                        Id: _request.Id,
                        StationId: _station,
                        DriverTokenMasked: _tokenMasked,
                        Destination: _destination.ToString(),
                        LastAttempt: _lastAttempt,
                        Attempts: Attempts.Length,
                        Status: _decision?.Status,
                        AcceptedAt: StoredNames.Time(_acceptedAt),
                        SettledAt: SettledAt,
                        ExpiresAt: StoredNames.Time(_expiresAt)
                    );
            }
        }

        /// <summary>Checks whether <paramref name="query"/> selects the request.</summary>
        public bool Matches(RequestQuery query)
        {
            lock (_gate)
            {
                return _acceptedAt >= query.FromTicks
                    && _acceptedAt < query.ToTicks
                    && (
                        query.Station is null
                        || string.Equals(_station, query.Station.Text, StringComparison.OrdinalIgnoreCase)
                    )
                    && (query.TokenFingerprint is null || fingerprint.AsSpan().SequenceEqual(query.TokenFingerprint))
                    && (query.Destination is null || _destination == query.Destination)
                    && (query.State is null || State == query.State)
                    && (query.Cause is null || _lastAttempt?.Cause == query.Cause);
            }
        }

        public RequestRecord ToRecord()
        {
            lock (_gate)
            {
                return new(
                    Id: Id,
                    StationId: _station,
                    DriverTokenMasked: _tokenMasked,
                    ApiKeyName: _apiKeyName,
                    State: State,
                    Decision: _decision,
                    AcceptedAt: StoredNames.Time(_acceptedAt),
                    SettledAt: SettledAs is null ? null : SettledAt,
                    Attempts: Attempts,
                    ExpiresAt: StoredNames.Time(_expiresAt),
                    AttemptsMade: _attemptsMade,
                    TokenFingerprint: fingerprint,
                    Destination: _destination.ToString()
                );
            }
        }

        private static int TextLength(ChargingRequest request) =>
            request.Token.Secret.Length + request.Callback.Text.Length + (request.Trace.TraceState?.Length ?? 0);

        private void Add(CallbackAttempt attempt)
        {
            _attemptsMade++;
            if (_lastAttempt is not null)
                _attempts = [.. _attempts, _lastAttempt];
            _lastAttempt = attempt;
        }
    }
}
