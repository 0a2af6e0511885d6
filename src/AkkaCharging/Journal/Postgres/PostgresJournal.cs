using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Postgres;

/// <summary>Stores requests in a PostgreSQL database: accepted requests are as durable as the database.</summary>
/// <remarks>
/// The tables are named <c>charging_…</c> and are created in the first schema of the connection's search path, so that
/// two journals can share a database in two schemas. Errors: a write that the database does not confirm within 5 s
/// fails. A request whose commit was in doubt is taken back as soon as this process owns the journal again. The next
/// owner finds the request and decides it, though its caller got a 503, if this process dies before that, or another
/// one owned the journal, or the request's lane, in between. After another process owned the journal in between,
/// <see cref="JournalStatus.Backlog"/> rises again, and <see cref="StoredJournal.ReadUnsettledAsync"/> has more to
/// return.
/// </remarks>
internal sealed class PostgresJournal : StoredJournal, ISharedJournal
{
    private readonly PostgresConnections _connections;
    private readonly KeyRing _keys;
    private readonly TimeProvider _time;
    private readonly PostgresClock _keptClock;
    private readonly Guid _instance = Guid.NewGuid();
    private readonly PostgresReader _reader;
    private readonly PostgresRetention _retention;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CommitReport? _committed;
    private readonly int? _lanes;
    private readonly ConcurrentDictionary<int, long> _terms = new();
    private readonly SemaphoreSlim _backlogFound = new(initialCount: 0);
    private Task _retaining = Task.CompletedTask;
    private PostgresWriter? _writer;

    /// <param name="damaged">Notified of each row that cannot be read.</param>
    /// <param name="committed">Notified of each group commit.</param>
    /// <param name="lanes">Number of lanes of the cluster that shares this journal; null for a process that owns it
    /// alone.</param>
    /// <param name="notice">Notifies the operator.</param>
    /// <exception cref="InvalidJournalException">There is no key, or the connection string or the key file is
    /// invalid.</exception>
    public PostgresJournal(
        JournalSettings settings,
        TimeProvider time,
        DamagedRowReport? damaged = null,
        CommitReport? committed = null,
        int? lanes = null,
        JournalNotice? notice = null
    )
        : base("postgres", settings, time, damaged, notice)
    {
        (_time, _committed, _lanes) = (time, committed, lanes);
        _keys = KeySource.Required(settings);
        _connections = new(settings.ConnectionString);
        _keptClock = new(Clock, time, _instance);
        _reader = new(_connections.Readers, Clock);
        _retention = new(
            _connections.Readers,
            settings,
            time,
            Clock,
            _keptClock,
            Early,
            isShared: lanes is not null,
            notice
        );
    }

    /// <inheritdoc/>
    public event EventHandler<LaneEventArgs>? LaneLost;

    /// <inheritdoc/>
    public event EventHandler<LaneEventArgs>? LaneBehind;

    /// <inheritdoc/>
    protected override IJournalWriter? Writer => _writer;

    /// <inheritdoc/>
    protected override IJournalReader Reader => _reader;

    /// <inheritdoc/>
    public Task WaitForBacklogAsync(CancellationToken cancellationToken) => _backlogFound.WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public async IAsyncEnumerable<UnsettledRequest> ReadUnsettledAsync(
        int lane,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        if (!_terms.TryGetValue(lane, out var term))
            throw new JournalUnavailableException($"Lane {lane} was not taken.");
        var left = await _reader.CountUnsettledAsync((short)lane, term);
        AddBacklog(left);
        ForgetDamage(lane);
        try
        {
            await foreach (
                var unsettled in ReadAsync(Find(left, (short)lane, [term], Secrets), lane, Count, cancellationToken)
            )
                yield return unsettled;
        }
        finally
        {
            AddBacklog(-left);
        }

        void Count()
        {
            left--;
            AddBacklog(-1);
        }
    }

    /// <inheritdoc/>
    public async Task TakeLaneAsync(int lane, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _terms[lane] = await WriteAsync(new LaneWrite(lane, IsTake: true)).WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void SetOpen(int lane, bool isOpen) => _writer?.Lanes?.SetOpen(lane, isOpen);

    /// <inheritdoc/>
    public async Task ReleaseLaneAsync(int lane, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        await WriteAsync(new LaneWrite(lane, IsTake: false)).WaitAsync(cancellationToken);
        ForgetDamage(lane);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<LaneHolder>> ListLanesAsync(CancellationToken cancellationToken) =>
        await _reader.ListLanesAsync(_instance).WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public async Task<bool> AreLanesHeldElsewhereAsync(CancellationToken cancellationToken) =>
        await _reader.AreLanesHeldElsewhereAsync(_instance).WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _connections.DisposeAsync();
    }

    /// <inheritdoc/>
    protected override IJournalWriter Start()
    {
        _writer = new PostgresWriter(
            _connections,
            _keys,
            _time,
            settled: _retention.Add,
            termBegan: OnTermBegan,
            committed: _committed,
            lanes: _lanes is { } count ? (count, OnLaneLost, lane => LaneBehind?.Invoke(this, new(lane))) : null,
            node: (_instance, Clock, _keptClock)
        );
        _retaining = _retention.RunAsync(MayDelete, _stopping.Token);
        return _writer;
    }

    /// <inheritdoc/>
    protected override async Task CloseAsync()
    {
        await _stopping.CancelAsync();
        _writer?.Stop();
        await Task.WhenAll(_retaining, _writer?.Ended ?? Task.CompletedTask);
    }

    /// <inheritdoc/>
    protected override async Task<Backlog> FindBacklogAsync(CancellationToken cancellationToken)
    {
        var open = await _writer!.Opened.WaitAsync(cancellationToken);
        while (_backlogFound.Wait(TimeSpan.Zero, CancellationToken.None)) { } // found by this reading

        // Counted again, because an earlier reading may have stopped half-way.
        return Find(await _reader.CountUnsettledAsync(open.Terms), only: null, open.Terms, open.Secrets);
    }

    /// <inheritdoc/>
    protected override Task<AcceptResult> WriteAcceptAsync(RequestId id, RequestRow row, IdempotencyClaim? claim) =>
        WriteAsync(new AcceptWrite(id, row, claim));

    /// <inheritdoc/>
    protected override Task<AcceptResult?> LookUpAcceptedAsync(IdempotencyClaim claim) =>
        WriteAsync(new AcceptedLookup(RequestId.New(_time.GetUtcNow()), claim));

    /// <inheritdoc/>
    protected override Task<Decision> WriteDecisionAsync(RequestId id, Decision decision, StoredDecision stored) =>
        WriteAsync(new DecideWrite(id, decision, stored));

    /// <inheritdoc/>
    protected override Task WriteAttemptAsync(RequestId id, CallbackAttempt attempt) =>
        WriteAsync(new AttemptWrite(id, attempt));

    /// <inheritdoc/>
    protected override Task WriteSettlementAsync(RequestId id, Settlement settlement) =>
        WriteAsync(new SettleWrite(id, settlement));

    /// <inheritdoc/>
    protected override Task<int?> WriteRedriveAsync(RequestId id, Redrive redrive) =>
        WriteAsync(new RedriveWrite(id, redrive));

    /// <inheritdoc/>
    protected override Task<bool> WriteDiscardAsync(RequestId id) => WriteAsync(new DiscardWrite(id));

    /// <param name="only">The only lane to read; null for all.</param>
    /// <param name="terms">The terms of this process, whose requests are in its lanes already.</param>
    private Backlog Find(long rows, short? only, long[] terms, JournalSecrets secrets) =>
        new(rows, Start: new(only ?? 0, Seq: 0), after => _reader.ReadPageAsync(after, only, terms, secrets));

    private void OnLaneLost(int lane)
    {
        ForgetDamage(lane);
        LaneLost?.Invoke(this, new(lane));
    }

    private void OnTermBegan(long unsettled)
    {
        if (_lanes is not null)
            return; // each reading of a lane counts its own
        SetBacklog(unsettled);
        if (unsettled > 0)
            _backlogFound.Release();
    }

    /// <summary>
    /// Checks whether this process deletes old rows: only the owner does, or the node with the first lane.
    /// </summary>
    private bool MayDelete() => _writer is { Problem: null } writer && writer.Lanes?.Held is null or [0, ..];

    private Task<T> WriteAsync<T>(PostgresWrite<T> write) =>
        _writer is null ? Task.FromException<T>(new JournalUnavailableException(NotOpen)) : _writer.WriteAsync(write);
}
