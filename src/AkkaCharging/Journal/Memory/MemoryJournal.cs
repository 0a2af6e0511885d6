using System.Collections.Concurrent;
using AkkaCharging.Journal.Retention;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Memory;

/// <summary>Stores requests in the process's memory: fast, but a crash loses pending requests.</summary>
/// <remarks>
/// Pending requests and dead letters are objects (<see cref="Entry"/>), other settled requests are bytes
/// (<see cref="SettledRows"/>). Settled requests are deleted by age, and when they exceed the number or the memory that
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
    private readonly SettledRows _settled = new();
    private readonly Dictionary<SettledGroup, SortedSet<Entry>> _letters = []; // dead, and discarded ones
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
        new(_entries.TryGetValue(id, out var entry) ? entry.Decide(decision) : FindSettled(id)?.Decision ?? decision);

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
                Add(entry);
            }
            else
            {
                // Added before it is removed, so that a look-up finds it here or there.
                Count(entry.Group, 1, _settled.Add(entry.ToRecord(), entry.SettledSince, entry.Claim?.KeyHash));
                _entries.TryRemove(id, out _);
            }

            _oldest ??= entry.SettledSince;
        }

        ForgetOldRequests();
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<RequestRecord?> FindAsync(RequestId id, CancellationToken cancellationToken)
    {
        ForgetOldRequests();
        return new(_entries.TryGetValue(id, out var entry) ? entry.ToRecord() : FindSettled(id));
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
        var (first, end) = (query.FirstId.Value, (before ?? query.EndId).Value);

        // Keeps the newest matches only, the smallest on top, so that a million need not be sorted.
        var newest = new PriorityQueue<RequestRecord, Guid>();
        var live = new HashSet<RequestId>();
        foreach (var (id, entry) in _entries)
        {
            if (IsWithin(id) && Offer(entry.ToRecord()))
                live.Add(id);
        }

        IReadOnlyList<SettledRows.Chunk> chunks;
        lock (_settling)
            chunks = _settled.Chunks;
        foreach (var chunk in chunks)
        {
            byte[] rows;
            lock (_settling)
                rows = chunk.Copy();
            for (var offset = 0; offset < rows.Length; offset += SettledRow.Length(rows.AsSpan(offset)))
            {
                // A request that settles during the search is found twice.
                if (SettledRow.Id(rows.AsSpan(offset)) is var id && IsWithin(id) && !live.Contains(id))
                    Offer(SettledRow.Read(rows, offset));
            }
        }

        var found = newest
            .UnorderedItems.OrderByDescending(item => item.Priority)
            .Select(item => item.Element)
            .ToList();
        return new(new RequestPage(found, found.Count == most ? found[^1].Id : null, []));

        bool IsWithin(RequestId id) => id.Value >= first && id.Value < end;

        bool Offer(RequestRecord record)
        {
            if (!query.Matches(record))
                return false;
            newest.Enqueue(record, record.Id.Value);
            if (newest.Count > most)
                newest.Dequeue();
            return true;
        }
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
            if (DeadLetterOf(id) is not { } letter)
                return new(new RedriveResult(IsKnown(id) ? RedriveOutcome.NotDeadLetter : RedriveOutcome.NotFound));
            Remove(letter);
            return new(new RedriveResult(RedriveOutcome.Redriven, letter.Redrive(at)));
        }
    }

    /// <inheritdoc/>
    public ValueTask<DiscardOutcome> DiscardAsync(RequestId id, CancellationToken cancellationToken)
    {
        ForgetOldRequests();
        lock (_settling)
        {
            if (DeadLetterOf(id) is not { } letter)
                return new(IsKnown(id) ? DiscardOutcome.NotDeadLetter : DiscardOutcome.NotFound);
            Remove(letter);
            letter.EraseSecrets();
            Add(letter);
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

    private Entry? DeadLetterOf(RequestId id) =>
        _entries.TryGetValue(id, out var entry) && entry.IsDeadLetter ? entry : null;

    /// <summary>Checks whether a request is stored. Called under the lock.</summary>
    private bool IsKnown(RequestId id) => _entries.ContainsKey(id) || _settled.Contains(id);

    private RequestRecord? FindSettled(RequestId id)
    {
        lock (_settling)
            return _settled.Find(id);
    }

    /// <summary>Adds a dead or discarded letter to its group. Called under the lock.</summary>
    private void Add(Entry letter)
    {
        var group = letter.Group;
        if (!_letters.TryGetValue(group, out var letters))
            _letters[group] = letters = new(SettledOrder.Instance);
        letters.Add(letter);
        Count(group, 1, letter.MeasureBytes());
    }

    /// <summary>
    /// Removes a letter from its group and, if it is dead, from the list of dead letters. Called under the lock.
    /// </summary>
    private void Remove(Entry letter)
    {
        var group = letter.Group;
        var letters = _letters[group];
        letters.Remove(letter);
        if (letters.Count == 0)
            _letters.Remove(group);
        Count(group, -1, -letter.Bytes);
        if (!group.AreDeadLetters)
            return;
        lock (_dead)
            _dead.Remove(new(letter.SettledAt, letter.Id));
    }

    private void Count(SettledGroup group, int rows, int bytes)
    {
        _rows.Add(group, rows);
        _bytes.Add(group, bytes);
    }

    private void ForgetOldRequests()
    {
        var early = new List<(string, RequestState)>();
        lock (_settling)
        {
            if (_oldest is { } oldest && IsOld(oldest))
            {
                var groups = _rows.Groups.ToList();
                foreach (var group in groups)
                {
                    while (OldestSince(group) is { } since && IsOld(since))
                        ForgetOldest(group);
                }

                _oldest = groups.Min(OldestSince);
            }

            while ((_rows.Next(settings.MaxSettledRows) ?? _bytes.Next(_bytesMax)) is { } group)
            {
                var (id, state, claimHash) = ForgetOldest(group);
                if (claimHash is not null && _claims.TryGetValue(claimHash, out var claim) && claim.Kept.Id == id)
                    Forget(claim);
                early.Add((group.Caller, state));
            }
        }

        if (early.Count > 0)
            _early.Report(early);

        bool IsOld(long since) => time.GetElapsedTime(since) >= settings.Retention;
    }

    /// <summary>
    /// Returns when the oldest request of a group settled, by the monotonic clock; null without one. Called under the
    /// lock.
    /// </summary>
    private long? OldestSince(SettledGroup group) =>
        (RowSince(group), _letters.GetValueOrDefault(group)?.Min?.SettledSince) switch
        {
            (null, var letter) => letter,
            (var row, null) => row,
            var (row, letter) => Math.Min(row.Value, letter.Value),
        };

    /// <summary>Deletes the oldest request of a group that has one. Called under the lock.</summary>
    private (RequestId Id, RequestState State, string? ClaimHash) ForgetOldest(SettledGroup group)
    {
        if (_letters.GetValueOrDefault(group)?.Min is { } letter && !(RowSince(group) < letter.SettledSince))
        {
            Remove(letter);
            _entries.TryRemove(letter.Id, out _);
            return (letter.Id, RequestState.Failed, letter.Claim?.KeyHash);
        }

        var row = _settled.RemoveOldest(group.Caller);
        Count(group, -1, -row.Bytes);
        return (row.Id, row.State, row.ClaimHash);
    }

    private long? RowSince(SettledGroup group) => group.AreDeadLetters ? null : _settled.OldestSince(group.Caller);

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
}
