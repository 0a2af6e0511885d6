using System.Threading.Channels;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Retention;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>What an open journal is used with.</summary>
/// <param name="Terms">The terms of this process: their requests are in its lanes.</param>
/// <param name="Unsettled">Requests of other terms that were unsettled when this one began.</param>
internal sealed record OpenPostgres(JournalSecrets Secrets, long[] Terms, long Unsettled);

/// <summary>
/// The one loop that writes: it connects, waits for the lock, commits what waits in groups, and begins anew when
/// anything failed.
/// </summary>
/// <remarks>
/// Group commit without a timer: whatever was asked for while one transaction was being written makes up the next one.
/// After any error, its kind aside, the session is closed: its transaction is then over, and the lock tells when. A
/// request whose commit was in doubt was refused (503), so it is taken back under the next session's lock, before
/// anything else is written: it is neither lost after a 200 nor called back for after a 503. A redrive in doubt is
/// undone likewise. A node of a cluster does so for the lanes that nobody took from it meanwhile.
/// </remarks>
internal sealed class PostgresWriter : IJournalWriter
{
    private const int WaitingMax = 65_536;
    private const string Stopping = "The service is stopping.";
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LockPoll = TimeSpan.FromMilliseconds(500);

    /// <summary>How soon an idle owner notices that its session is gone.</summary>
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(1);

    private readonly PostgresConnections _connections;
    private readonly KeyRing _keys;
    private readonly TimeProvider _time;
    private readonly Action<IReadOnlyList<(SettledGroup Group, int Rows)>> _settled;
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

    /// <param name="settled">Receives by how many a batch changed the number of settled requests of each group.</param>
    /// <param name="termBegan">Receives the size of the backlog when a term begins that must read it.</param>
    /// <param name="committed">Told about each group commit.</param>
    /// <param name="lanes">Of the cluster that this node belongs to, and who is told about each that it loses; null for
    /// an owner alone.</param>
    /// <param name="node">This process, the journal's clock, and where the database keeps that.</param>
    public PostgresWriter(
        PostgresConnections connections,
        KeyRing keys,
        TimeProvider time,
        Action<IReadOnlyList<(SettledGroup Group, int Rows)>> settled,
        Action<long> termBegan,
        CommitReport? committed,
        (int Count, Action<int> Lost)? lanes,
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
        _lanes = lanes is var (count, lost) ? new(count, _instance, _holder, time, lost) : null;
        Ended = RunAsync();
    }

    /// <summary>Completes after the first attempt to open, whatever came of it.</summary>
    public Task Tried => _tried.Task;

    /// <summary>Completes when the journal is open; another task after it was lost.</summary>
    public Task<OpenPostgres> Opened => Volatile.Read(ref _opened).Task;

    /// <summary>Completes when the journal can never be opened.</summary>
    public Task<InvalidJournalException> Invalid => _invalid.Task;

    /// <summary>Completes when the session is closed and the lock with it.</summary>
    public Task Ended { get; }

    /// <summary>Why writes do not go through; null when they do.</summary>
    public string? Problem => _problem;

    /// <inheritdoc/>
    public string? AcceptProblem => _problem;

    /// <inheritdoc/>
    public JournalSecrets? Secrets => _secrets;

    /// <summary>The lanes of this node; null for an owner alone.</summary>
    public PostgresLanes? Lanes => _lanes;

    /// <summary>Writes with the next batch.</summary>
    /// <exception cref="JournalUnavailableException">It was not written; should an accept have been after all, it is
    /// taken back.</exception>
    public Task<T> WriteAsync<T>(PostgresWrite<T> write)
    {
        if (_problem is { } problem)
            return Task.FromException<T>(new JournalUnavailableException(problem));
        return _queue.Writer.TryWrite(write)
            ? write.Completion
            : Task.FromException<T>(new JournalUnavailableException($"{WaitingMax} writes wait for the database."));
    }

    /// <summary>Writes what was asked for before, then closes the session.</summary>
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
                // Whatever it is: a loop that ended here would leave every caller waiting for ever.
                Close(PostgresProblem.Describe(e), e);
                // What ended this session has ended the idle ones too: a reader would be given one of them.
                _connections.Readers.Clear();
                await Task.Delay(wait, _stopping.Token).ContinueWith(_ => { }, TaskScheduler.Default);
                wait = wait * 2 < LongestWait ? wait * 2 : LongestWait;
            }

            _tried.TrySetResult();
        }

        _queue.Writer.TryComplete();
        Close(_problem ?? Stopping);
    }

    /// <summary>Waits for the lock, puts the tables in order, takes back what is in doubt, and opens.</summary>
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
        await UndoInDoubtAsync(session);
        var isNewTerm = !_terms.Contains(epoch);
        if (isNewTerm)
            _terms = [.. _terms, epoch];
        Open(
            new OpenPostgres(
                secrets,
                _terms,
                isNewTerm ? await PostgresReader.CountUnsettledAsync(session.Connection, _terms) : 0
            ),
            isNewTerm
        );
        return epoch;
    }

    private async Task UndoInDoubtAsync(PostgresSession session)
    {
        await session.TakeBackAsync([.. _inDoubt], _lanes?.Held);
        _inDoubt.Clear();
        await session.PutBackAsync(_redrivesInDoubt, _lanes?.Held);
        _redrivesInDoubt.Clear();
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
                continue; // what was waited for is gone: it was refused with the session before
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
                // before anybody is told: what they were refused must not look available
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
                await _lanes.ReloadAsync(connection); // nothing of it was written; what is still ours is written now
            }
        }
    }

    /// <summary>Whether the session still is there, and whose the lanes are.</summary>
    private async Task CheckAsync(NpgsqlConnection connection)
    {
        if (_lanes is null)
        {
            await connection.ExecuteAsync("SELECT 1");
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
        catch (Exception e)
        {
            moved.Fail(new JournalUnavailableException(PostgresProblem.Describe(e), e));
            throw;
        }
    }

    /// <summary>From here on callers are refused, those that wait included.</summary>
    private void Close(string problem, Exception? cause = null)
    {
        _problem = problem;
        if (_opened.Task.IsCompleted)
            Volatile.Write(ref _opened, new(TaskCreationOptions.RunContinuationsAsynchronously));
        while (_queue.Reader.TryRead(out var write))
            write.Fail(new JournalUnavailableException(problem, cause));
    }
}
