using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Postgres;

/// <summary>Keeps requests in a PostgreSQL database: what it took survives whatever the database survives.</summary>
/// <remarks>
/// Tables named <c>charging_…</c> in the first schema of the connection's search path, made when there are none. Two
/// journals may share a database in two schemas. Errors: a write that the database did not confirm within 5 s fails. A
/// request whose commit was in doubt is taken back as soon as this process owns the journal again; only if it dies
/// before that, the next owner finds the request and decides it, though its caller was told 503. After another process
/// had the journal in between, <see cref="JournalStatus.Backlog"/> rises again and
/// <see cref="ReadUnsettledAsync(CancellationToken)"/> has more to give.
/// </remarks>
internal sealed class PostgresJournal : ISharedJournal
{
    private const string NotStarted = "The journal is not open yet.";
    private static readonly TimeSpan ClosingMax = TimeSpan.FromSeconds(10);

    private readonly PostgresConnections _connections;
    private readonly KeyRing _keys;
    private readonly JournalSettings _settings;
    private readonly TimeProvider _time;
    private readonly JournalClock _clock;
    private readonly PostgresClock _keptClock;
    private readonly Guid _instance = Guid.NewGuid();
    private readonly PostgresReader _reader;
    private readonly PostgresRetention _retention;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource<InvalidJournalException> _neverStarted = new();
    private readonly DamagedRows _damaged;
    private readonly CommitReport? _committed;
    private readonly int? _lanes;
    private readonly ConcurrentDictionary<int, long> _terms = new();
    private Task _retaining = Task.CompletedTask;
    private PostgresWriter? _writer;
    private JournalSecrets? _secrets;
    private long _backlog;

    /// <param name="damaged">Told about each row that cannot be read.</param>
    /// <param name="committed">Told about each group commit.</param>
    /// <param name="lanes">Of the cluster that shares this journal; null for a process that has it alone.</param>
    /// <exception cref="InvalidJournalException">There is no key, or the connection string or the key file cannot be
    /// read.</exception>
    public PostgresJournal(
        JournalSettings settings,
        TimeProvider time,
        DamagedRowReport? damaged = null,
        CommitReport? committed = null,
        int? lanes = null
    )
    {
        (_settings, _time, _damaged, _committed, _lanes) = (settings, time, new(damaged), committed, lanes);
        _keys = KeySource.Required(settings);
        _connections = new(settings.ConnectionString);
        _clock = JournalClock.For(settings, time);
        _keptClock = new(_clock, time, _instance);
        _reader = new(_connections.Readers, _clock);
        _retention = new(_connections.Readers, settings, time, _clock, _keptClock, isShared: lanes is not null);
    }

    /// <inheritdoc/>
    public event EventHandler<LaneLostEventArgs>? LaneLost;

    /// <inheritdoc/>
    public JournalStatus Status
    {
        get
        {
            var problem = _writer is null ? NotStarted : _writer.Problem;
            return new(
                "postgres",
                problem is null,
                problem,
                Math.Max(0, Interlocked.Read(ref _backlog)),
                _damaged.Count,
                Volatile.Read(ref _secrets) is not null
            );
        }
    }

    /// <inheritdoc/>
    public IdempotencyHasher Hasher => Secrets.Hasher;

    /// <inheritdoc/>
    public Task<InvalidJournalException> Invalid => _writer?.Invalid ?? _neverStarted.Task;

    /// <summary>Retention's: what settled by then is forgotten, though its sweep may come later.</summary>
    private DateTimeOffset Oldest => _clock.Horizon(_settings.Retention);

    private JournalSecrets Secrets =>
        Volatile.Read(ref _secrets) ?? throw new JournalUnavailableException(Status.Problem ?? NotStarted);

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _writer = new PostgresWriter(
            _connections,
            _keys,
            _time,
            _retention.Add,
            BeginTerm,
            _committed,
            _lanes is { } count ? (count, lane => LaneLost?.Invoke(this, new(lane))) : null,
            (_instance, _clock, _keptClock)
        );
        _retaining = _retention.RunAsync(MayDelete, _stopping.Token);
        await _writer.Tried.WaitAsync(cancellationToken);
        if (_writer.Invalid.IsCompleted)
            throw await _writer.Invalid;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<UnsettledRequest> ReadUnsettledAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        if (_writer is null)
            throw new JournalUnavailableException(NotStarted);
        var open = await _writer.Opened.WaitAsync(cancellationToken);

        // Counted again, because a reading before may have ended half-way.
        Interlocked.Exchange(ref _backlog, await _reader.CountUnsettledAsync(open.Terms));
        _damaged.Clear();
        await foreach (
            var unsettled in ReadAsync(
                only: null,
                open.Terms,
                open.Secrets,
                () => Interlocked.Decrement(ref _backlog),
                cancellationToken
            )
        )
            yield return unsettled;
        Interlocked.Exchange(ref _backlog, 0);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<UnsettledRequest> ReadUnsettledAsync(
        int lane,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        if (!_terms.TryGetValue(lane, out var term))
            throw new JournalUnavailableException($"Lane {lane} was not taken.");
        var left = await _reader.CountUnsettledAsync((short)lane, term);
        Interlocked.Add(ref _backlog, left);
        try
        {
            await foreach (
                var unsettled in ReadAsync((short)lane, [term], Secrets, () => Count(ref left), cancellationToken)
            )
                yield return unsettled;
        }
        finally
        {
            Interlocked.Add(ref _backlog, -left);
        }

        void Count(ref long counted)
        {
            counted--;
            Interlocked.Decrement(ref _backlog);
        }
    }

    /// <inheritdoc/>
    public async Task TakeLaneAsync(int lane, CancellationToken cancellationToken) =>
        _terms[lane] = await WriteAsync(new LaneWrite(lane, IsTake: true), cancellationToken);

    /// <inheritdoc/>
    public void SetOpen(int lane, bool isOpen) => _writer?.Lanes?.SetOpen(lane, isOpen);

    /// <inheritdoc/>
    public Task ReleaseLaneAsync(int lane, CancellationToken cancellationToken) =>
        WriteAsync(new LaneWrite(lane, IsTake: false), cancellationToken);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<LaneHolder>> ListLanesAsync(CancellationToken cancellationToken) =>
        await _reader.ListLanesAsync(_writer?.Instance ?? Guid.Empty).WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public async Task<bool> AreLanesHeldElsewhereAsync(CancellationToken cancellationToken) =>
        await _reader.AreLanesHeldElsewhereAsync(_writer?.Instance ?? Guid.Empty).WaitAsync(cancellationToken);

    private async IAsyncEnumerable<UnsettledRequest> ReadAsync(
        short? only,
        long[] terms,
        JournalSecrets secrets,
        Action read,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        for (var after = (Lane: only ?? 0, Seq: 0L); ; )
        {
            cancellationToken.ThrowIfCancellationRequested();
            var page = await _reader.ReadPageAsync(after, only, terms, secrets);
            if (page.Count == 0)
                yield break;
            foreach (var (lane, row) in page)
            {
                after = (lane, row.Seq);
                if (row.Request is { } request)
                    yield return request;
                else
                    _damaged.Add(row.Id, row.Damage!);
                read();
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask<AcceptResult> AcceptAsync(
        ChargingRequest request,
        IdempotencyClaim? idempotency,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        _clock.Observe();
        var row = RequestRow.Of(request, Secrets);

        // Waited for whatever happens: only the outcome tells whether the request is ours.
        return await WriteAsync(new AcceptWrite(request.Id, row, idempotency), CancellationToken.None);
    }

    /// <inheritdoc/>
    public async ValueTask<AcceptResult?> FindAcceptedAsync(
        IdempotencyClaim claim,
        CancellationToken cancellationToken
    ) => await WriteAsync(new AcceptedLookup(RequestId.New(_time.GetUtcNow()), claim), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<Decision> DecideAsync(
        RequestId id,
        Decision decision,
        CancellationToken cancellationToken
    ) => await WriteAsync(new DecideWrite(id, decision), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask RecordAttemptAsync(
        RequestId id,
        CallbackAttempt attempt,
        CancellationToken cancellationToken
    ) => await WriteAsync(new AttemptWrite(id, attempt), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask SettleAsync(RequestId id, Settlement settlement, CancellationToken cancellationToken)
    {
        _clock.Observe();
        await WriteAsync(new SettleWrite(id, settlement), cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<RequestRecord?> FindAsync(RequestId id, CancellationToken cancellationToken) =>
        await _reader.FindAsync(id, Oldest).WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<DeadLetterPage> ListDeadLettersAsync(
        DeadLetterQuery query,
        DeadLetterCursor? after,
        int most,
        CancellationToken cancellationToken
    ) => await _reader.ListDeadLettersAsync(query, after, most, Oldest).WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<long> CountDeadLettersAsync(DeadLetterQuery query, CancellationToken cancellationToken) =>
        await _reader.CountDeadLettersAsync(query, Oldest).WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<RedriveResult> RedriveAsync(
        RequestId id,
        DateTimeOffset at,
        CancellationToken cancellationToken
    )
    {
        var (isFound, redrive) = await _reader
            .FindDeadLetterAsync(id, Secrets, at, Oldest)
            .WaitAsync(cancellationToken);
        if (!isFound)
            return new(
                await FindAsync(id, cancellationToken) is null ? RedriveOutcome.NotFound : RedriveOutcome.NotDeadLetter
            );
        if (redrive is null)
            return new(RedriveOutcome.Damaged);

        // Waited for whatever happens: only the outcome tells whether the request is ours.
        return await WriteAsync(new RedriveWrite(id, redrive), CancellationToken.None) is { } lane
            ? new(RedriveOutcome.Redriven, redrive.Request, lane)
            : new(RedriveOutcome.NotDeadLetter);
    }

    /// <inheritdoc/>
    public async ValueTask<DiscardOutcome> DiscardAsync(RequestId id, CancellationToken cancellationToken)
    {
        if (await WriteAsync(new DiscardWrite(id), cancellationToken))
            return DiscardOutcome.Discarded;
        return await FindAsync(id, cancellationToken) is null ? DiscardOutcome.NotFound : DiscardOutcome.NotDeadLetter;
    }

    /// <summary>Writes what was asked for before, and lets the next owner in. Can be called again.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _writer?.Stop();
        try
        {
            await Task.WhenAll(_retaining, _writer?.Ended ?? Task.CompletedTask).WaitAsync(ClosingMax);
        }
        catch (TimeoutException)
        {
            // The database hangs. The session ends with the process, and the lock with it.
        }

        await _connections.DisposeAsync();
    }

    /// <summary>One process deletes what is past its time: the owner, or the node with the first lane.</summary>
    private bool MayDelete() => _writer is { Problem: null } writer && writer.Lanes?.Held is null or [0, ..];

    private void BeginTerm(OpenPostgres open)
    {
        Volatile.Write(ref _secrets, open.Secrets);
        Interlocked.Exchange(ref _backlog, open.Unsettled);
    }

    private Task<T> WriteAsync<T>(PostgresWrite<T> write, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return _writer is null
            ? Task.FromException<T>(new JournalUnavailableException(NotStarted))
            : _writer.WriteAsync(write).WaitAsync(cancellationToken);
    }
}
