using System.Runtime.CompilerServices;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>
/// Keeps requests in one file: what it took survives a crash of the process and, with <c>journal.synchronous =
/// full</c>, of the machine.
/// </summary>
/// <remarks>
/// Beside <c>journal.path</c> lie SQLite's <c>-wal</c> and <c>-shm</c>, the owner's <c>.lock</c> and <c>.owner</c>, and
/// the generated <c>.key</c>. All of them belong to their owner alone. One that is removed or replaced is noticed with
/// the next batch (docs/decisions/0008): nothing is taken until it is made good. The file does not shrink: pages that
/// retention frees are used again. Errors: a submission that waited 5 s for its turn fails and is never made; one whose
/// batch has begun waits for its outcome. Where the disk fails in the middle of a commit the caller is told that
/// nothing was kept; a crash at that very moment may keep it nevertheless, and then it is decided and called back.
/// </remarks>
/// <param name="damaged">Told about each row that cannot be read.</param>
/// <param name="committed">Told about each group commit.</param>
/// <param name="notice">Told what an operator should know about the files.</param>
internal sealed class SqliteJournal(
    JournalSettings settings,
    TimeProvider time,
    DamagedRowReport? damaged = null,
    CommitReport? committed = null,
    JournalNotice? notice = null
) : IJournal
{
    private static readonly TimeSpan ClosingMax = TimeSpan.FromSeconds(10);

    private readonly TaskCompletionSource<InvalidJournalException> _neverStarted = new();
    private readonly JournalClock _clock = JournalClock.For(settings, time);
    private readonly DamagedRows _damaged = new(damaged);
    private SqliteWriter? _writer;
    private SqliteReader? _reader;
    private long _backlog;

    /// <inheritdoc/>
    public JournalStatus Status
    {
        get
        {
            var problem = _writer is null ? NotStarted : _writer.AcceptProblem;
            return new(
                "sqlite",
                problem is null,
                problem,
                Math.Max(0, Interlocked.Read(ref _backlog)),
                _damaged.Count,
                _writer is { Opened.IsCompleted: true }
            );
        }
    }

    /// <inheritdoc/>
    public IdempotencyHasher Hasher => Secrets.Hasher;

    /// <inheritdoc/>
    public Task<InvalidJournalException> Invalid => _writer?.Invalid ?? _neverStarted.Task;

    private static string NotStarted => "The journal is not open yet.";

    private SqliteReader Reader =>
        _writer is { Opened.IsCompleted: true }
            ? _reader!
            : throw new JournalUnavailableException(Status.Problem ?? NotStarted);

    private JournalSecrets Secrets =>
        _writer is { Opened.IsCompletedSuccessfully: true } writer
            ? writer.Opened.GetAwaiter().GetResult().Secrets
            : throw new JournalUnavailableException(Status.Problem ?? NotStarted);

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var reading = new SqliteThread("journal reader", settings);
        _reader = new SqliteReader(reading, settings, _clock);
        _writer = new SqliteWriter(settings, time, committed, _clock, reading, notice);
        await _writer.Tried.WaitAsync(cancellationToken);
        if (_writer.Invalid.IsCompleted)
        {
            await DisposeAsync();
            throw await _writer.Invalid;
        }

        if (_writer.Opened.IsCompleted)
            Interlocked.Exchange(ref _backlog, (await _writer.Opened).Unsettled);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<UnsettledRequest> ReadUnsettledAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        if (_writer is null)
            throw new JournalUnavailableException(NotStarted);
        var found = await _writer.Opened.WaitAsync(cancellationToken);
        Interlocked.Exchange(ref _backlog, found.Unsettled);
        _damaged.Clear();
        for (var after = 0L; after < found.LastSeq; )
        {
            var from = after;
            var page = await JournalWrites.UntilWrittenAsync(
                async _ => await _reader!.ReadPageAsync(from, found.LastSeq, found.Secrets),
                time,
                cancellationToken
            );
            foreach (var row in page)
            {
                after = row.Seq;
                if (row.Request is { } request)
                    yield return request;
                else
                    _damaged.Add(row.Id, row.Damage!);
                Interlocked.Decrement(ref _backlog);
            }

            if (page.Count == 0)
                break;
        }

        Interlocked.Exchange(ref _backlog, 0);
    }

    /// <inheritdoc/>
    public async ValueTask<AcceptResult> AcceptAsync(
        ChargingRequest request,
        IdempotencyClaim? idempotency,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_writer?.AcceptProblem is { } problem)
            throw new JournalUnavailableException(problem);
        _clock.Observe();
        var row = RequestRow.Of(request, Secrets);

        // Waited for whatever happens: only the outcome tells whether the request is ours.
        return await _writer!.WriteAsync(
            store => store.Accept(request.Id, row, idempotency, _clock.NowForClaims),
            isGivenUp: true
        );
    }

    /// <inheritdoc/>
    public async ValueTask<AcceptResult?> FindAcceptedAsync(
        IdempotencyClaim claim,
        CancellationToken cancellationToken
    ) => await WriteAsync(store => store.FindAccepted(claim, _clock.NowForClaims), cancellationToken, isGivenUp: true);

    /// <inheritdoc/>
    public async ValueTask<Decision> DecideAsync(
        RequestId id,
        Decision decision,
        CancellationToken cancellationToken
    ) => await WriteAsync(store => store.Decide(id, decision), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask RecordAttemptAsync(
        RequestId id,
        CallbackAttempt attempt,
        CancellationToken cancellationToken
    ) =>
        await WriteAsync(
            store =>
            {
                store.RecordAttempt(id, attempt);
                return true;
            },
            cancellationToken
        );

    /// <inheritdoc/>
    public async ValueTask SettleAsync(RequestId id, Settlement settlement, CancellationToken cancellationToken)
    {
        _clock.Observe();
        await WriteAsync(
            store =>
            {
                store.Settle(id, settlement);
                return true;
            },
            cancellationToken
        );
    }

    /// <inheritdoc/>
    public async ValueTask<RequestRecord?> FindAsync(RequestId id, CancellationToken cancellationToken) =>
        await Reader.FindAsync(id).WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<DeadLetterPage> ListDeadLettersAsync(
        DeadLetterQuery query,
        DeadLetterCursor? after,
        int most,
        CancellationToken cancellationToken
    ) => await Reader.ListDeadLettersAsync(query, after, most).WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<long> CountDeadLettersAsync(DeadLetterQuery query, CancellationToken cancellationToken) =>
        await Reader.CountDeadLettersAsync(query).WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<RedriveResult> RedriveAsync(
        RequestId id,
        DateTimeOffset at,
        CancellationToken cancellationToken
    )
    {
        var (isFound, redrive) = await Reader.FindDeadLetterAsync(id, Secrets, at).WaitAsync(cancellationToken);
        if (!isFound)
            return new(
                await FindAsync(id, cancellationToken) is null ? RedriveOutcome.NotFound : RedriveOutcome.NotDeadLetter
            );
        if (redrive is null)
            return new(RedriveOutcome.Damaged);

        // Waited for whatever happens: only the outcome tells whether the request is ours.
        return await _writer!.WriteAsync(store => store.Redrive(id, redrive), isGivenUp: true)
            ? new(RedriveOutcome.Redriven, redrive.Request)
            : new(RedriveOutcome.NotDeadLetter);
    }

    /// <inheritdoc/>
    public async ValueTask<DiscardOutcome> DiscardAsync(RequestId id, CancellationToken cancellationToken)
    {
        if (await WriteAsync(store => store.Discard(id), cancellationToken))
            return DiscardOutcome.Discarded;
        return await FindAsync(id, cancellationToken) is null ? DiscardOutcome.NotFound : DiscardOutcome.NotDeadLetter;
    }

    /// <summary>
    /// Writes what was asked for before, closes the file and lets the next owner in. Can be called again.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        _reader?.Dispose();
        if (_writer is null)
            return;
        _writer.Dispose();
        try
        {
            await _writer.Ended.WaitAsync(ClosingMax, time);
        }
        catch (TimeoutException)
        {
            // The disk hangs. The thread ends with the process, and the lock with it.
        }
    }

    private Task<T> WriteAsync<T>(
        Func<SqliteStore, T> write,
        CancellationToken cancellationToken,
        bool isGivenUp = false
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        return _writer is null
            ? Task.FromException<T>(new JournalUnavailableException(NotStarted))
            : _writer.WriteAsync(write, isGivenUp).WaitAsync(cancellationToken);
    }
}
