using System.Collections.Concurrent;
using AkkaCharging.Authorization;
using AkkaCharging.Callbacks;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Memory;

/// <summary>Keeps requests in the process's memory: for those who choose speed and accept that a crash loses what is pending.</summary>
/// <remarks>Settled requests leave in the order in which they settled, by age and beyond <c>journal.maxSettledRows</c>, a few with each settlement.</remarks>
public sealed class MemoryJournal(JournalSettings settings, TimeProvider time) : IRequestJournal
{
    private readonly ConcurrentDictionary<RequestId, Entry> _entries = new();
    private readonly ConcurrentQueue<(DateTimeOffset At, RequestId Id)> _settled = new();
    private readonly ConcurrentDictionary<string, Claim> _claims = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<Claim> _claimsByAge = new();
    private readonly Lock _forgetting = new(); // one at a time: between a look at the oldest and its removal, another could make the next one the oldest
    private int _settledCount;

    /// <inheritdoc/>
    public JournalStatus Status { get; } = new("memory", IsAvailable: true, Problem: null);

    /// <inheritdoc/>
    public IdempotencyHasher Hasher { get; } = IdempotencyHasher.WithRandomSecret();

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Nothing: what an earlier process kept in its memory is gone.</summary>
    public IAsyncEnumerable<UnsettledRequest> ReadUnsettledAsync(CancellationToken cancellationToken) => AsyncEnumerable.Empty<UnsettledRequest>();

    /// <inheritdoc/>
    public ValueTask<AcceptResult> AcceptAsync(ChargingRequest request, IdempotencyClaim? idempotency, CancellationToken cancellationToken)
    {
        if (idempotency is not null)
        {
            ForgetOldClaims();
            var mine = new Claim(idempotency, request.Id, request.AcceptedAt + IdempotencyClaim.Retention);
            var first = _claims.GetOrAdd(idempotency.KeyHash, mine);
            if (first.Id != request.Id)
            {
                var isSame = string.Equals(first.Idempotency.BodyHash, idempotency.BodyHash, StringComparison.Ordinal);
                return new(new AcceptResult(isSame ? AcceptOutcome.Replayed : AcceptOutcome.Conflict, first.Id));
            }

            _claimsByAge.Enqueue(mine);
        }

        _entries[request.Id] = new Entry(request);
        return new(new AcceptResult(AcceptOutcome.Accepted, request.Id));
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
            _settled.Enqueue((settlement.At, id));
            Interlocked.Increment(ref _settledCount);
            ForgetOldRequests();
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<RequestRecord?> FindAsync(RequestId id, CancellationToken cancellationToken)
    {
        ForgetOldRequests();
        return new(_entries.TryGetValue(id, out var entry) ? entry.ToRecord() : null);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void ForgetOldRequests()
    {
        var oldest = time.GetUtcNow() - settings.Retention;
        lock (_forgetting)
        {
            while (_settled.TryPeek(out var next) && (next.At <= oldest || Volatile.Read(ref _settledCount) > settings.MaxSettledRows))
            {
                _settled.TryDequeue(out _);
                Interlocked.Decrement(ref _settledCount);
                _entries.TryRemove(next.Id, out _);
            }
        }
    }

    private void ForgetOldClaims()
    {
        var now = time.GetUtcNow();
        lock (_forgetting)
        {
            while (_claimsByAge.TryPeek(out var claim) && claim.Until <= now)
            {
                _claimsByAge.TryDequeue(out _);
                _claims.TryRemove(KeyValuePair.Create(claim.Idempotency.KeyHash, claim));
            }
        }
    }

    private sealed record Claim(IdempotencyClaim Idempotency, RequestId Id, DateTimeOffset Until);

    /// <summary>One request's row; its own lock, because a decision and a look-up may meet.</summary>
    private sealed class Entry(ChargingRequest request)
    {
        private readonly Lock _gate = new();
        private readonly RequestId _id = request.Id;
        private readonly string _station = request.Station.Text;
        private readonly string _tokenMasked = request.Token.Masked;
        private readonly string? _apiKeyName = request.ApiKeyName;
        private readonly DateTimeOffset _acceptedAt = request.AcceptedAt;
        private Decision? _decision;
        private Settlement? _settlement;
        private CallbackAttempt[] _attempts = [];

        public Decision Decide(Decision decision)
        {
            lock (_gate)
                return _decision ??= decision;
        }

        public void Record(CallbackAttempt attempt)
        {
            lock (_gate)
                _attempts = [.. _attempts, attempt];
        }

        public bool Settle(Settlement settlement)
        {
            lock (_gate)
            {
                if (_settlement is not null)
                    return false;
                _settlement = settlement;
                if (settlement.LastAttempt is { } last)
                    _attempts = [.. _attempts, last];
                return true;
            }
        }

        public RequestRecord ToRecord()
        {
            lock (_gate)
            {
                var state = _settlement?.State ?? (_decision is null ? RequestState.Queued : RequestState.Decided);
                return new(_id, _station, _tokenMasked, _apiKeyName, state, _decision, _acceptedAt, _settlement?.At, _attempts);
            }
        }
    }
}
