using System.Threading.Channels;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Retention;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>The state of an open journal.</summary>
/// <param name="Terms">The terms of this process, whose requests are in its lanes.</param>
/// <param name="Unsettled">Number of unsettled requests of other terms when this one began.</param>
internal sealed record OpenPostgres(JournalSecrets Secrets, long[] Terms, long Unsettled);

/// <summary>
/// The only loop that writes: it connects, waits for the lock, commits queued writes in groups, and starts again after
/// any failure.
/// </summary>
/// <remarks>
/// Group commit without a timer: writes queued during one transaction make up the next one. After an error of any kind
/// the session is closed; its transaction is then over, as the released lock proves. A request whose commit was in
/// doubt was rejected with 503, so it is removed under the next session's lock before anything else is written: no
/// request is lost after a 200 or called back after a 503, unless this process ends in between. A redrive in doubt is
/// undone likewise. Requests whose idempotency key another process has answered with 200 meanwhile are kept and
/// resumed. A node of a cluster undoes only what is in the lanes that no other node took in between.
/// </remarks>
internal sealed class PostgresWriter : IJournalWriter
{
    private const int WaitingMax = 65_536;
    private const string Stopping = "The service is stopping.";
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LockPoll = TimeSpan.FromMilliseconds(500);

    /// <summary>Interval at which an idle owner checks its session.</summary>
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(1);

    private readonly PostgresConnections _connections;
    private readonly KeyRing _keys;
    private readonly TimeProvider _time;
    private readonly Action<IReadOnlyList<(SettledGroup Group, int Rows)>?> _settled;
    private readonly Action<long> _termBegan;
    private readonly CommitReport? _committed;
    private readonly Guid _instance;
    private readonly JournalClock _clock;
    private readonly PostgresClock _keptClock;
    private readonly string _holder;
    private readonly PostgresLanes? _lanes;
    private readonly Channel<PostgresWrite> _queue = Channel.CreateBounded<PostgresWrite>(WaitingMax);
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _tried = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<InvalidJournalException> _invalid = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );
    private readonly List<Guid> _inDoubt = [];
    private readonly List<RedriveWrite> _redrivesInDoubt = [];
    private TaskCompletionSource<OpenPostgres> _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task<bool>? _waiting;
    private long[] _terms = [];
    private volatile JournalSecrets? _secrets;
    private volatile string? _problem = StoredJournal.NotOpen;

    /// <param name="settled">Notified of the change in the number of settled requests of each group by a batch; null
    /// when it is unknown, because the commit is in doubt.</param>
    /// <param name="termBegan">Notified of the size of the backlog when a term begins that has to read it.</param>
    /// <param name="committed">Notified of each group commit.</param>
    /// <param name="lanes">The lanes of this node's cluster, a callback for each lane that it loses, and one
    /// for each that has requests to resume; null for a process that owns the journal alone.</param>
    /// <param name="node">The identity of this process, the journal's clock, and the clock's storage in the
    /// database.</param>
    public PostgresWriter(
        PostgresConnections connections,
        KeyRing keys,
        TimeProvider time,
        Action<IReadOnlyList<(SettledGroup Group, int Rows)>?> settled,
        Action<long> termBegan,
        CommitReport? committed,
        (int Count, Action<int> Lost, Action<int> Behind)? lanes,
        (Guid Instance, JournalClock Clock, PostgresClock KeptClock) node
    )
    {
        (_instance, _clock, _keptClock) = node;
        (_connections, _keys, _time, _settled, _termBegan, _committed) = (
            connections,
            keys,
            time,
            settled,
            termBegan,
            committed
        );
        _holder =
            $"process {Environment.ProcessId} on {Environment.MachineName} since "
            + $"{time.GetUtcNow():yyyy-MM-ddTHH:mm:ss.fffZ}";
        _lanes = lanes is var (count, lost, behind) ? new(count, _instance, _holder, time, lost, behind) : null;
        Ended = RunAsync();
    }

    /// <summary>Completes after the first attempt to open the journal, whether it succeeded or not.</summary>
    public Task Tried => _tried.Task;

    /// <summary>Completes when the journal is open; replaced by another task after the journal was lost.</summary>
    public Task<OpenPostgres> Opened => Volatile.Read(ref _opened).Task;

    /// <summary>Completes when the journal can never be opened.</summary>
    public Task<InvalidJournalException> Invalid => _invalid.Task;

    /// <summary>Completes when the session is closed and the lock released.</summary>
    public Task Ended { get; }

    /// <summary>Why writes fail; null when they succeed.</summary>
    public string? Problem => _problem;

    /// <inheritdoc/>
    public string? AcceptProblem => _problem;

    /// <inheritdoc/>
    public JournalSecrets? Secrets => _secrets;

    /// <summary>The lanes of this node; null for a process that owns the journal alone.</summary>
    public PostgresLanes? Lanes => _lanes;

    /// <summary>Makes <paramref name="write"/> with the next batch.</summary>
    /// <exception cref="JournalUnavailableException">The write was not made; an accepted request that was stored after
    /// all is removed again.</exception>
    public Task<T> WriteAsync<T>(PostgresWrite<T> write)
    {
        if (_problem is { } problem)
            return Task.FromException<T>(new JournalUnavailableException(problem));
        return _queue.Writer.TryWrite(write)
            ? write.Completion
            : Task.FromException<T>(
                new JournalUnavailableException(
                    _stopping.IsCancellationRequested ? Stopping : $"{WaitingMax} writes wait for the database."
                )
            );
    }

    /// <summary>Makes the queued writes, then closes the session.</summary>
    public void Stop()
    {
        _queue.Writer.TryComplete();
        _stopping.Cancel();
    }

    private async Task RunAsync()
    {
        var wait = FirstWait;
        while (!_stopping.IsCancellationRequested && !_invalid.Task.IsCompleted)
        {
            try
            {
                await using var session = await PostgresSession.OpenAsync(_connections, _keys, _stopping.Token);
                var epoch = await OwnAsync(session);
                wait = FirstWait;
                await WriteAllAsync(session.Connection, epoch);
                Close(Stopping);
            }
            catch (InvalidJournalException invalid)
            {
                Close(invalid.Message);
                _invalid.TrySetResult(invalid);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                Close(Stopping);
            }
            catch (Exception e)
            {
                // Catches everything: if the loop ended here, every caller would wait forever.
                Close(PostgresProblem.Describe(e), e);
                // The failure that ended this session has also broken the idle connections, which readers would
                // otherwise get.
                _connections.Readers.Clear();
                await Task.Delay(wait, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                wait = wait * 2 < LongestWait ? wait * 2 : LongestWait;
            }

            _tried.TrySetResult();
        }

        _queue.Writer.TryComplete();
        Close(_problem ?? Stopping);
    }

    /// <summary>Waits for the lock, migrates the tables, undoes the writes in doubt, and opens the journal.</summary>
    private async Task<long> OwnAsync(PostgresSession session)
    {
        while (!await session.TryLockAsync(isShared: _lanes is not null))
        {
            Close(
                $"The journal is owned by {await session.HolderAsync()}; this process takes over when that one ends."
            );
            _tried.TrySetResult();
            await Task.Delay(LockPoll, _stopping.Token);
        }

        var secrets = await PostgresSchema.PrepareAsync(session.Connection, _keys);
        await _keptClock.ResumeAsync(session.Connection);
        if (_lanes is not null)
        {
            await _lanes.JoinAsync(session.Connection, session);
            await UndoInDoubtAsync(session);
            Open(new OpenPostgres(secrets, Terms: [], Unsettled: 0), isNewTerm: true);
            return 0;
        }

        var epoch = await session.BeginTermAsync(_instance, _holder);
        await _keptClock.KeepAsync(session.Connection);
        await UndoInDoubtAsync(session);
        var isNewTerm = !_terms.Contains(epoch);
        long[] terms = isNewTerm ? [.. _terms, epoch] : _terms;
        var unsettled = isNewTerm ? await PostgresReader.CountUnsettledAsync(session.Connection, terms) : 0;
        _terms = terms; // only now: the next session repeats what has failed
        Open(new OpenPostgres(secrets, terms, unsettled), isNewTerm);
        return epoch;
    }

    /// <exception cref="PostgresException">The node was fenced: it undoes them in its next session.</exception>
    private async Task UndoInDoubtAsync(PostgresSession session)
    {
        await using var transaction = await session.Connection.BeginTransactionAsync();
        if (_lanes is not null)
            await _lanes.CheckAsync(session.Connection); // nobody takes a lane until the end of the transaction
        var behind = await session.TakeBackAsync([.. _inDoubt], _lanes?.Held);
        await session.PutBackAsync(_redrivesInDoubt, _lanes?.Held);
        await transaction.CommitAsync();
        _inDoubt.Clear();
        _redrivesInDoubt.Clear();
        foreach (var lane in behind)
            _lanes!.ReportBehind(lane);
    }

    private void Open(OpenPostgres open, bool isNewTerm)
    {
        if (isNewTerm)
        {
            _secrets = open.Secrets;
            _termBegan(open.Unsettled);
        }

        _problem = null;
        _opened.TrySetResult(open);
        _tried.TrySetResult();
    }

    private async Task WriteAllAsync(NpgsqlConnection connection, long epoch)
    {
        while (true)
        {
            _waiting ??= _queue.Reader.WaitToReadAsync().AsTask();
            try
            {
                if (!await _waiting.WaitAsync(Heartbeat))
                    return;
            }
            catch (TimeoutException)
            {
                await CheckAsync(connection);
                continue;
            }

            _waiting = null;
            if (_queue.Reader.TryPeek(out var first) && first is LaneWrite moved)
            {
                _queue.Reader.TryRead(out _);
                await MoveAsync(connection, moved);
                continue;
            }

            var batch = new PostgresBatch();
            while (_queue.Reader.TryPeek(out var next) && next is not LaneWrite && batch.TryAdd(next))
                _queue.Reader.TryRead(out _);
            if (batch.IsEmpty)
                continue; // the queue is empty: its writes were rejected when the previous session ended
            var startedAt = _time.GetTimestamp();
            try
            {
                if (await CommitAsync(connection, batch, epoch) is { Count: > 0 } settled)
                    _settled(settled);
            }
            catch (Exception e)
            {
                _inDoubt.AddRange(batch.Accepted);
                _redrivesInDoubt.AddRange(batch.Redriven);
                _settled(null);
                // Set before any caller is answered, so that the journal does not look available to a rejected one.
                _problem = PostgresProblem.Describe(e);
                batch.Fail(new JournalUnavailableException(_problem, e));
                throw;
            }

            _committed?.Invoke(_time.GetElapsedTime(startedAt), batch.Count);
        }
    }

    private async Task<List<(SettledGroup Group, int Rows)>> CommitAsync(
        NpgsqlConnection connection,
        PostgresBatch batch,
        long epoch
    )
    {
        while (true)
        {
            try
            {
                return await batch.CommitAsync(connection, epoch, _lanes, _secrets!, _clock.NowForClaims, _keptClock);
            }
            catch (PostgresException fenced) when (_lanes is not null && PostgresLanes.IsFenced(fenced))
            {
                await _lanes.ReloadAsync(connection); // nothing was written; what is still ours is written now
            }
        }
    }

    /// <summary>Checks whether the session still works, and which lanes it holds.</summary>
    private async Task CheckAsync(NpgsqlConnection connection)
    {
        if (_lanes is null)
        {
            await _keptClock.KeepAsync(connection);
            return;
        }

        try
        {
            await _lanes.CheckAsync(connection);
        }
        catch (PostgresException fenced) when (PostgresLanes.IsFenced(fenced))
        {
            await _lanes.ReloadAsync(connection);
        }
    }

    private async Task MoveAsync(NpgsqlConnection connection, LaneWrite moved)
    {
        try
        {
            if (moved.IsTake)
            {
                moved.Complete(await _lanes!.TakeAsync(connection, moved.Lane));
                return;
            }

            await _lanes!.ReleaseAsync(connection, moved.Lane);
            moved.Complete(0);
        }
        catch (PostgresException held) when (moved.IsTake && PostgresLanes.IsHeld(held))
        {
            moved.Fail(new JournalUnavailableException($"The holder of lane {moved.Lane} is still writing.", held));
        }
        catch (Exception e)
        {
            moved.Fail(new JournalUnavailableException(PostgresProblem.Describe(e), e));
            throw;
        }
    }

    /// <summary>Rejects all callers from now on, including those in the queue.</summary>
    private void Close(string problem, Exception? cause = null)
    {
        _problem = problem;
        if (_opened.Task.IsCompleted)
            Volatile.Write(ref _opened, new(TaskCreationOptions.RunContinuationsAsynchronously));
        while (_queue.Reader.TryRead(out var write))
            write.Fail(new JournalUnavailableException(problem, cause));
    }
}
