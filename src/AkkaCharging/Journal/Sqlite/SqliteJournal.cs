using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>
/// Stores requests in one file. Accepted requests survive a crash of the process and, with <c>journal.synchronous =
/// full</c>, of the machine.
/// </summary>
/// <remarks>
/// Next to <c>journal.path</c> are SQLite's <c>-wal</c> and <c>-shm</c>, the owner's <c>.lock</c> and <c>.owner</c>,
/// and the generated <c>.key</c>, all readable by their owner only. The next batch detects a removed or replaced file
/// (docs/decisions/0008), and nothing is accepted until that is repaired. The file does not shrink: pages freed by
/// retention are reused. Errors: a submission that has waited 5 s for its turn fails and is never written; one whose
/// batch has begun waits for its outcome. When the disk fails during a commit, the caller gets an error; a crash at
/// that moment may nevertheless leave the request in the journal, and it is then decided and called back.
/// </remarks>
/// <param name="damaged">Notified of each row that cannot be read.</param>
/// <param name="committed">Notified of each group commit.</param>
/// <param name="notice">Notifies the operator of file problems and early deletions.</param>
internal sealed class SqliteJournal(
    JournalSettings settings,
    TimeProvider time,
    DamagedRowReport? damaged = null,
    CommitReport? committed = null,
    JournalNotice? notice = null
) : StoredJournal("sqlite", settings, time, damaged, notice)
{
    private readonly JournalSettings _settings = settings;
    private readonly TimeProvider _time = time;
    private readonly JournalNotice? _notice = notice;
    private SqliteWriter? _writer;
    private SqliteReader? _reader;

    /// <summary>
    /// Requests that this process has redriven; null once those of earlier processes are read. They look like these,
    /// but they are in a lane, or were even delivered by the time that a page with them is used.
    /// </summary>
    private volatile ConcurrentDictionary<RequestId, bool>? _redriven = new();

    /// <inheritdoc/>
    protected override IJournalWriter? Writer => _writer;

    /// <inheritdoc/>
    protected override IJournalReader Reader =>
        _writer is { Secrets: not null } ? _reader! : throw new JournalUnavailableException(Status.Problem ?? NotOpen);

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await base.StartAsync(cancellationToken);
        if (_writer!.Opened.IsCompleted)
            SetBacklog((await _writer.Opened).Unsettled);
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<UnsettledRequest> ReadUnsettledAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        await foreach (var unsettled in base.ReadUnsettledAsync(cancellationToken))
        {
            if (_redriven?.ContainsKey(unsettled.Request.Id) != true)
                yield return unsettled;
        }

        _redriven = null;
    }

    /// <inheritdoc/>
    protected override IJournalWriter Start()
    {
        var reading = new SqliteThread("journal reader", _settings);
        _reader = new SqliteReader(reading, Clock);
        return _writer = new SqliteWriter(
            _settings,
            _time,
            committed: committed,
            clock: Clock,
            reading: reading,
            notice: _notice,
            early: Early
        );
    }

    /// <inheritdoc/>
    protected override Task CloseAsync()
    {
        _reader?.Dispose();
        _writer?.Stop();
        return _writer?.Ended ?? Task.CompletedTask;
    }

    /// <inheritdoc/>
    protected override async Task<Backlog> FindBacklogAsync(CancellationToken cancellationToken)
    {
        var found = await _writer!.Opened.WaitAsync(cancellationToken);
        return new(
            found.Unsettled,
            Start: default,
            after =>
                after.Seq >= found.LastUnsettledSeq
                    ? Task.FromResult<List<UnsettledRow>>([])
                    : JournalWrites
                        .UntilWrittenAsync(
                            async _ => await _reader!.ReadPageAsync(after.Seq, found.LastUnsettledSeq, found.Secrets),
                            _time,
                            cancellationToken
                        )
                        .AsTask()
        );
    }

    /// <inheritdoc/>
    protected override Task<AcceptResult> WriteAcceptAsync(RequestId id, RequestRow row, IdempotencyClaim? claim) =>
        _writer!.WriteAsync(
            store => store.Accept(id, row, claim, Clock.NowForClaims),
            canTimeOut: true,
            undo: store => store.TakeBack(id, claim)
        );

    /// <inheritdoc/>
    protected override Task<AcceptResult?> LookUpAcceptedAsync(IdempotencyClaim claim) =>
        _writer!.WriteAsync(store => store.FindAccepted(claim, Clock.NowForClaims), canTimeOut: true);

    /// <inheritdoc/>
    protected override Task<Decision> WriteDecisionAsync(RequestId id, Decision decision, StoredDecision stored) =>
        _writer!.WriteAsync(store => store.Decide(id, decision, stored));

    /// <inheritdoc/>
    protected override Task WriteAttemptAsync(RequestId id, CallbackAttempt attempt) =>
        _writer!.WriteAsync(store => store.RecordAttempt(id, attempt));

    /// <inheritdoc/>
    protected override Task WriteSettlementAsync(RequestId id, Settlement settlement) =>
        _writer!.WriteAsync(store => store.Settle(id, settlement));

    /// <inheritdoc/>
    protected override Task<int?> WriteRedriveAsync(RequestId id, Redrive redrive) =>
        _writer!.WriteAsync(
            store =>
            {
                if (!store.Redrive(id, redrive))
                    return (int?)null;
                _redriven?.TryAdd(id, true); // before the commit, after which a page may contain it
                return 0;
            },
            canTimeOut: true,
            undo: store => store.PutBack(id, redrive)
        );

    /// <inheritdoc/>
    protected override Task<bool> WriteDiscardAsync(RequestId id) =>
        _writer!.WriteAsync(store => store.Discard(id), canTimeOut: true);
}
