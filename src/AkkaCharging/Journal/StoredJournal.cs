using System.Runtime.CompilerServices;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Retention;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal;

/// <summary>The protocol of a journal in a database. A derived class adds the statements of its database.</summary>
/// <param name="kind">Name in <see cref="JournalStatus"/>.</param>
/// <param name="damaged">Notified of each row that cannot be read.</param>
/// <param name="notice">Notifies the operator.</param>
internal abstract class StoredJournal(
    string kind,
    JournalSettings settings,
    TimeProvider time,
    DamagedRowReport? damaged,
    JournalNotice? notice
) : IJournal
{
    /// <summary>The problem of a journal that has not been started or opened yet.</summary>
    public const string NotOpen = "The journal is not open yet.";

    /// <summary>The lane of a reading that is not of one lane alone.</summary>
    private const int AllLanes = 0;

    private static readonly TimeSpan ClosingMax = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SearchMax = TimeSpan.FromSeconds(2);

    /// <summary>How long a read may take, its wait for others included.</summary>
    internal static readonly TimeSpan ReadMax = TimeSpan.FromSeconds(5);

    /// <summary>The same for a count, which may read all rows; less than the commands wait for an answer.</summary>
    private static readonly TimeSpan CountMax = TimeSpan.FromSeconds(25);

    private readonly TaskCompletionSource<InvalidJournalException> _neverInvalid = new();
    private readonly DamagedRows _damaged = new(damaged);
    private long _backlog;

    /// <inheritdoc/>
    public JournalStatus Status
    {
        get
        {
            var problem = Writer is { } writer ? writer.AcceptProblem : NotOpen;
            return new(
                kind,
                IsAvailable: problem is null,
                problem,
                Backlog: Math.Max(0, Interlocked.Read(ref _backlog)),
                Damaged: _damaged.Count,
                WasOpen: Writer is { Secrets: not null },
                Early.Counts
            );
        }
    }

    /// <inheritdoc/>
    public IdempotencyHasher Hasher => Secrets.Hasher;

    /// <inheritdoc/>
    public Task<InvalidJournalException> Invalid => Writer?.Invalid ?? _neverInvalid.Task;

    /// <summary>The clock that determines the age of rows.</summary>
    protected JournalClock Clock { get; } = JournalClock.For(settings, time);

    /// <summary>Counts settled requests that are deleted before their retention time.</summary>
    protected EarlyDeletions Early { get; } = new(time, notice);

    /// <summary>Keys and secrets of the open journal.</summary>
    /// <exception cref="JournalUnavailableException">The journal is not open yet.</exception>
    protected JournalSecrets Secrets =>
        Writer?.Secrets ?? throw new JournalUnavailableException(Status.Problem ?? NotOpen);

    /// <summary>The writer; null before <see cref="Start"/>.</summary>
    protected abstract IJournalWriter? Writer { get; }

    /// <summary>The queries of the journal.</summary>
    /// <exception cref="JournalUnavailableException">The journal cannot be read before it is opened.</exception>
    protected abstract IJournalReader Reader { get; }

    /// <summary>
    /// Start of retention: requests that settled until then are treated as deleted, even if they are still stored.
    /// </summary>
    private DateTimeOffset Oldest => Clock.Horizon(settings.Retention);

    /// <inheritdoc/>
    public virtual async Task StartAsync(CancellationToken cancellationToken)
    {
        var writer = Start();
        await writer.Tried.WaitAsync(cancellationToken);
        if (!writer.Invalid.IsCompleted)
            return;
        await DisposeAsync();
        throw await writer.Invalid;
    }

    /// <inheritdoc/>
    public virtual async IAsyncEnumerable<UnsettledRequest> ReadUnsettledAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        ThrowIfNotStarted();
        var backlog = await FindBacklogAsync(cancellationToken);
        SetBacklog(backlog.Rows);
        _damaged.Clear(AllLanes);
        await foreach (
            var unsettled in ReadAsync(backlog, AllLanes, () => Interlocked.Decrement(ref _backlog), cancellationToken)
        )
            yield return unsettled;
        SetBacklog(0);
    }

    /// <inheritdoc/>
    public async ValueTask<AcceptResult> AcceptAsync(
        ChargingRequest request,
        IdempotencyClaim? idempotency,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Writer?.AcceptProblem is { } problem)
            throw new JournalUnavailableException(problem);
        Clock.Observe();
        var row = RequestRow.Of(request, Secrets);

        // No longer cancelled: only the outcome tells whether the request is ours.
        return await WriteAcceptAsync(request.Id, row, idempotency);
    }

    /// <inheritdoc/>
    public async ValueTask<AcceptResult?> FindAcceptedAsync(IdempotencyClaim claim, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfNotStarted();
        return await LookUpAcceptedAsync(claim).WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<Decision> DecideAsync(RequestId id, Decision decision, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfNotStarted();
        var stored = StoredDecision.Of(id, decision, Secrets);
        return await WriteDecisionAsync(id, decision, stored).WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask RecordAttemptAsync(
        RequestId id,
        CallbackAttempt attempt,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfNotStarted();
        await WriteAttemptAsync(id, attempt).WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask SettleAsync(RequestId id, Settlement settlement, CancellationToken cancellationToken)
    {
        Clock.Observe();
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfNotStarted();
        await WriteSettlementAsync(id, settlement).WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<RequestRecord?> FindAsync(RequestId id, CancellationToken cancellationToken)
    {
        try
        {
            return await InTimeAsync(reader => reader.FindAsync(id, Writer?.Secrets, Oldest), cancellationToken);
        }
        catch (DamagedRequestException e)
        {
            _damaged.Saw([e.Row]);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<RequestPage> SearchAsync(
        RequestQuery query,
        RequestId? before,
        int most,
        CancellationToken cancellationToken
    )
    {
        var startedAt = time.GetTimestamp();
        var found = new List<RequestRecord>();
        var leftOut = new List<DamagedRow>();
        for (RequestId? next = before ?? query.EndId; ; )
        {
            var end = next.Value;
            var part = await InTimeAsync(
                reader => reader.SearchAsync(query, end, RequestPages.PartRows, most - found.Count, Oldest),
                cancellationToken
            );
            found.AddRange(part.Requests);
            leftOut.AddRange(part.Damaged);
            next = part.Next;
            if (next is null || found.Count == most || time.GetElapsedTime(startedAt) > SearchMax)
            {
                _damaged.Saw(leftOut);
                return new(found, next, leftOut);
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask<DeadLetterPage> ListDeadLettersAsync(
        DeadLetterQuery query,
        DeadLetterCursor? after,
        int most,
        CancellationToken cancellationToken
    )
    {
        var page = await InTimeAsync(
            reader => reader.ListDeadLettersAsync(query, after, most, Oldest),
            cancellationToken
        );
        _damaged.Saw(page.Damaged);
        return page;
    }

    /// <inheritdoc/>
    public async ValueTask<long> CountDeadLettersAsync(DeadLetterQuery query, CancellationToken cancellationToken) =>
        await InTimeAsync(reader => reader.CountDeadLettersAsync(query, Oldest), cancellationToken, CountMax);

    /// <inheritdoc/>
    public async ValueTask<RedriveResult> RedriveAsync(
        RequestId id,
        DateTimeOffset at,
        CancellationToken cancellationToken
    )
    {
        var (isFound, redrive) = await InTimeAsync(
            reader => reader.FindDeadLetterAsync(id, Secrets, at, Oldest),
            cancellationToken
        );
        if (!isFound)
            return new(
                await IsStoredAsync(id, cancellationToken) ? RedriveOutcome.NotDeadLetter : RedriveOutcome.NotFound
            );
        if (redrive is null)
            return new(RedriveOutcome.Damaged);

        // No longer cancelled: only the outcome tells whether the request is ours.
        return await WriteRedriveAsync(id, redrive) is { } lane
            ? new(RedriveOutcome.Redriven, redrive.Request, lane)
            : new(RedriveOutcome.NotDeadLetter);
    }

    /// <inheritdoc/>
    public async ValueTask<DiscardOutcome> DiscardAsync(RequestId id, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfNotStarted();
        if (await WriteDiscardAsync(id).WaitAsync(cancellationToken))
            return DiscardOutcome.Discarded;
        return await IsStoredAsync(id, cancellationToken) ? DiscardOutcome.NotDeadLetter : DiscardOutcome.NotFound;
    }

    /// <summary>
    /// Makes the queued writes, closes the journal and releases it to the next owner. May be called again.
    /// </summary>
    public virtual async ValueTask DisposeAsync()
    {
        try
        {
            await CloseAsync().WaitAsync(ClosingMax, time);
        }
        catch (TimeoutException)
        {
            // The disk or the database hangs. The writer, with its lock, ends when the process does.
        }
    }

    /// <summary>Starts the writer.</summary>
    protected abstract IJournalWriter Start();

    /// <summary>Stops the writer; completes when the journal is closed.</summary>
    protected abstract Task CloseAsync();

    /// <summary>Waits until the journal is open, and finds the unsettled requests of earlier processes.</summary>
    protected abstract Task<Backlog> FindBacklogAsync(CancellationToken cancellationToken);

    /// <summary>Writes an accepted request.</summary>
    protected abstract Task<AcceptResult> WriteAcceptAsync(RequestId id, RequestRow row, IdempotencyClaim? claim);

    /// <summary>Looks up an idempotency key, in sequence with the writes.</summary>
    protected abstract Task<AcceptResult?> LookUpAcceptedAsync(IdempotencyClaim claim);

    /// <summary>Writes a decision, and returns the stored one.</summary>
    protected abstract Task<Decision> WriteDecisionAsync(RequestId id, Decision decision, StoredDecision stored);

    /// <summary>Writes a failed attempt.</summary>
    protected abstract Task WriteAttemptAsync(RequestId id, CallbackAttempt attempt);

    /// <summary>Writes the outcome of a request.</summary>
    protected abstract Task WriteSettlementAsync(RequestId id, Settlement settlement);

    /// <summary>Writes the redrive of a dead letter.</summary>
    /// <returns>The lane of the request; null when the letter changed since it was read.</returns>
    protected abstract Task<int?> WriteRedriveAsync(RequestId id, Redrive redrive);

    /// <summary>Discards a dead letter.</summary>
    /// <returns>False when there is no such dead letter.</returns>
    protected abstract Task<bool> WriteDiscardAsync(RequestId id);

    /// <summary>Sets <see cref="JournalStatus.Backlog"/>.</summary>
    protected void SetBacklog(long rows) => Interlocked.Exchange(ref _backlog, rows);

    /// <summary>Adds to <see cref="JournalStatus.Backlog"/>.</summary>
    protected void AddBacklog(long rows) => Interlocked.Add(ref _backlog, rows);

    /// <summary>Forgets the damaged rows of a lane that this process no longer has.</summary>
    protected void ForgetDamage(int lane) => _damaged.Clear(lane);

    /// <summary>Reads a backlog page by page. Damaged rows are reported and left in place.</summary>
    /// <param name="counted">Called after each row.</param>
    protected async IAsyncEnumerable<UnsettledRequest> ReadAsync(
        Backlog backlog,
        int lane,
        Action counted,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        for (var after = backlog.Start; ; )
        {
            cancellationToken.ThrowIfCancellationRequested();
            var page = await backlog.ReadPageAsync(after).WaitAsync(cancellationToken);
            if (page.Count == 0)
                yield break;
            foreach (var row in page)
            {
                after = row.Place;
                if (row.Request is { } request)
                    yield return request;
                else
                    _damaged.Add(row.Id, row.Damage!, lane);
                counted();
            }
        }
    }

    /// <summary>Asks a question, and withdraws it when the caller waits no longer.</summary>
    /// <param name="most">How long it may take; null for <see cref="ReadMax"/>.</param>
    /// <exception cref="JournalUnavailableException">There was no answer in time.</exception>
    private async Task<T> InTimeAsync<T>(
        Func<IJournalReader, Task<T>> ask,
        CancellationToken cancellationToken,
        TimeSpan? most = null
    )
    {
        var patience = most ?? ReadMax;
        using var left = new CancellationTokenSource();
        try
        {
            return await ask(Reader.Until(left.Token)).WaitAsync(patience, time, cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new JournalUnavailableException(
                $"The journal has not answered a question for {patience.TotalSeconds} s.",
                e
            );
        }
        finally
        {
            await left.CancelAsync();
        }
    }

    private async Task<bool> IsStoredAsync(RequestId id, CancellationToken cancellationToken)
    {
        try
        {
            return await FindAsync(id, cancellationToken) is not null;
        }
        catch (DamagedRequestException)
        {
            return true;
        }
    }

    private void ThrowIfNotStarted()
    {
        if (Writer is null)
            throw new JournalUnavailableException(NotOpen);
    }
}

/// <summary>The unsettled requests of earlier processes.</summary>
/// <param name="Rows">Number of the requests.</param>
/// <param name="Start">The place before the first request.</param>
/// <param name="ReadPageAsync">Reads the rows that follow a place; none after the last one.</param>
internal sealed record Backlog(long Rows, RowPlace Start, Func<RowPlace, Task<List<UnsettledRow>>> ReadPageAsync);
