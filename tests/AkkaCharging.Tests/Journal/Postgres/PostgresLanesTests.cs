using System.Collections.Concurrent;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Postgres;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace AkkaCharging.Tests.Journal.Postgres;

/// <summary>Nodes on one journal: each request belongs to a lane, and each lane to one node at a time.</summary>
[Trait("Category", "Component")]
[Collection(OnePostgres.Name)]
public sealed class PostgresLanesTests(SharedPostgres postgres)
{
    private const int LaneCount = 4;
    private static readonly Settlement Delivered = new(RequestState.Delivered, Sample.Now, Sample.Attempt());

    [Fact]
    public async Task NodeWithoutALane_AcceptsNothing_AndAnswersQuestions()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var first = await NodeAsync(settings, 0);
        await using var second = await NodeAsync(settings);
        var request = Sample.Request();
        await first.AcceptAsync(request, idempotency: null, default);

        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await second.AcceptAsync(Sample.Request(), idempotency: null, default)
        );

        Assert.Equal("This node does not hold a lane yet.", refused.Message);
        Assert.True(second.Status.IsAvailable);
        Assert.Equal(RequestState.Queued, (await second.FindAsync(request.Id, default))!.State);
    }

    /// <summary>A node that writes notices it at once. Others are not to look as if they reached it.</summary>
    [Fact]
    public async Task RequestsThatCannotBeWritten_AreNoticedByANodeThatHasNone()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var node = await NodeAsync(settings, 0);

        await SharedPostgres.QueryAsync(settings, "ALTER TABLE charging_request RENAME TO away");
        await Eventually.HoldsAsync(() => !node.Status.IsAvailable, "the node notices it");
        await SharedPostgres.QueryAsync(settings, "ALTER TABLE away RENAME TO charging_request");

        await Eventually.HoldsAsync(() => node.Status.IsAvailable, "the journal is available again");
    }

    [Fact]
    public async Task LaneThatIsClosed_GetsNoNewRequests_AndItsOldOnesGoOn()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var node = await NodeAsync(settings, 1, 2);
        var request = Sample.Request();
        var lane = (await node.AcceptAsync(request, idempotency: null, default)).Lane;

        node.SetOpen(lane, isOpen: false);

        for (var i = 0; i < 4; i++)
            Assert.Equal(3 - lane, (await node.AcceptAsync(Sample.Request(), idempotency: null, default)).Lane);
        await node.DecideAsync(request.Id, Sample.Decision(), default);
        await node.SettleAsync(request.Id, Delivered, default);
        Assert.Equal(RequestState.Delivered, (await node.FindAsync(request.Id, default))!.State);
    }

    [Fact]
    public async Task LaneThatIsTaken_IsItsTakersAlone()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var first = await NodeAsync(settings, 0);
        var lost = new ConcurrentQueue<int>();
        first.LaneLost += (_, lane) => lost.Enqueue(lane.Lane);
        var (decided, queued) = (Sample.Request(), Sample.Request());
        await first.AcceptAsync(decided, idempotency: null, default);
        await first.AcceptAsync(queued, idempotency: null, default);
        await first.DecideAsync(decided.Id, Sample.Decision(), default);

        await using var second = await NodeAsync(settings, 0);
        var left = await second.ReadUnsettledAsync(0, default).ToListAsync();

        Assert.Equal([decided.Id, queued.Id], left.Select(unsettled => unsettled.Request.Id));
        Assert.Equal([Sample.Decision(), null], left.Select(unsettled => unsettled.Decision));
        Assert.Equal(0, second.Status.Backlog);
        await AssertMovedAsync(() => first.DecideAsync(queued.Id, Sample.Decision(), default));
        await AssertMovedAsync(() => first.SettleAsync(decided.Id, Delivered, default));
        await AssertMovedAsync(() => first.RecordAttemptAsync(decided.Id, Sample.Attempt(), default));
        await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await first.AcceptAsync(Sample.Request(), idempotency: null, default)
        );
        Assert.Equal([0], lost);
        Assert.Equal((RequestState.Queued, 0), await StateAsync(second, queued));
        Assert.Equal((RequestState.Decided, 0), await StateAsync(second, decided));

        await second.SettleAsync(decided.Id, Delivered, default);
        Assert.Equal(RequestState.Delivered, (await first.FindAsync(decided.Id, default))!.State);
    }

    [Fact]
    public async Task NodeThatLostOneLane_GoesOnWithTheOther_WithinTheSameBatch()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var first = await NodeAsync(settings, 0, 1);
        var requests = new List<(ChargingRequest Request, int Lane)>();
        for (var i = 0; i < 4; i++)
        {
            var request = Sample.Request();
            requests.Add((request, (await first.AcceptAsync(request, idempotency: null, default)).Lane));
        }

        Assert.Equal([0, 1], requests.Select(accepted => accepted.Lane).Distinct().Order());

        await using var second = await NodeAsync(settings, 0);
        var decided = requests
            .Select(accepted => first.DecideAsync(accepted.Request.Id, Sample.Decision(), default).AsTask())
            .ToList();
        await Task.WhenAll(decided).ContinueWith(_ => { }, TaskScheduler.Default);

        Assert.Equal(
            requests.Select(accepted => accepted.Lane == 1),
            decided.Select(task => task.IsCompletedSuccessfully)
        );
        Assert.Equal(1, (await first.AcceptAsync(Sample.Request(), idempotency: null, default)).Lane);
        foreach (var (request, lane) in requests)
            Assert.Equal(
                lane == 1 ? RequestState.Decided : RequestState.Queued,
                (await second.FindAsync(request.Id, default))!.State
            );
    }

    [Fact]
    public async Task LanesHeldElsewhere_AreThoseOfNodesThatAreConnected()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var first = await NodeAsync(settings);
        await using (var second = await NodeAsync(settings))
        {
            Assert.False(await first.AreLanesHeldElsewhereAsync(default)); // two that wait for each other
            await second.TakeLaneAsync(3, default);
            Assert.Equal(
                (true, false),
                (await first.AreLanesHeldElsewhereAsync(default), await second.AreLanesHeldElsewhereAsync(default))
            );
        }

        Assert.False(await first.AreLanesHeldElsewhereAsync(default)); // its lane is still in its name
    }

    [Fact]
    public async Task IdleNode_NoticesThatALaneWasTaken()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var first = await NodeAsync(settings, 2);
        var lost = new TaskCompletionSource<int>();
        first.LaneLost += (_, lane) => lost.TrySetResult(lane.Lane);

        await using var second = await NodeAsync(settings, 2);

        Assert.Equal(2, await lost.Task.WaitAsync(Eventually.Patience));
    }

    /// <summary>
    /// Two nodes that fight for a lane under load: the other node reads every request that one of them was told is
    /// stored, and each request is decided once.
    /// </summary>
    [Fact]
    public async Task LaneThatMovesUnderLoad_LosesNothing_AndIsNeverDecidedTwice()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var a = await NodeAsync(settings);
        await using var b = await NodeAsync(settings);
        var accepted = new ConcurrentQueue<RequestId>();
        var decisions = new ConcurrentDictionary<RequestId, ConcurrentBag<Decision>>();
        using var stopping = new CancellationTokenSource();
        var load = Enumerable.Range(0, 16).Select(number => LoadAsync(number % 2 == 0 ? a : b)).ToList();

        for (var move = 0; move < 20; move++)
        {
            var taker = move % 2 == 0 ? a : b;
            await TakeAsync(taker, 0);
            var before = accepted.ToHashSet();
            var unsettled = await taker.ReadUnsettledAsync(0, default).Select(left => left.Request.Id).ToHashSetAsync();
            Assert.Subset(unsettled, before);
            taker.SetOpen(0, isOpen: true);
            await Eventually.HoldsAsync(() => accepted.Count > before.Count + 20, "the new holder accepts");
        }

        await stopping.CancelAsync();
        await Task.WhenAll(load);
        await a.TakeLaneAsync(0, default);
        var kept = await a.ReadUnsettledAsync(0, default)
            .ToDictionaryAsync(left => left.Request.Id, left => left.Decision);
        Assert.All(accepted, id => Assert.Contains(id, kept));
        Assert.NotEmpty(decisions);
        Assert.All(decisions, told => Assert.All(told.Value, decision => Assert.Equal(kept[told.Key], decision)));

        async Task LoadAsync(PostgresJournal node)
        {
            while (!stopping.IsCancellationRequested)
            {
                var request = Sample.Request();
                try
                {
                    await node.AcceptAsync(request, idempotency: null, default);
                    accepted.Enqueue(request.Id);
                    foreach (var decider in new[] { a, b })
                        await TryDecideAsync(decider, request.Id);
                }
                catch (JournalUnavailableException)
                {
                    await Task.Delay(1);
                }
            }
        }

        async Task TryDecideAsync(PostgresJournal node, RequestId id)
        {
            try
            {
                var mine = Sample.Decision() with { DecidedAt = Sample.Now.AddTicks(ReferenceEquals(node, a) ? 1 : 2) };
                var told = await node.DecideAsync(id, mine, default);
                decisions.GetOrAdd(id, _ => []).Add(told);
            }
            catch (Exception e) when (e is RequestMovedException or JournalUnavailableException)
            {
                // It is the other's.
            }
        }
    }

    [Fact]
    public async Task NodeThatLostItsSession_KeepsTheLanesThatNobodyTook()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var proxy = TcpProxy.To(new NpgsqlConnectionStringBuilder(settings.ConnectionString).Port);
        await using var first = await NodeAsync(PostgresOwnershipTests.Through(proxy, settings), 0, 1);
        var lost = new ConcurrentQueue<int>();
        first.LaneLost += (_, lane) => lost.Enqueue(lane.Lane);
        var request = Sample.Request();
        await first.AcceptAsync(request, idempotency: null, default);

        proxy.Cut();
        await Eventually.HoldsAsync(() => !first.Status.IsAvailable, "the node notices");
        await using var second = await NodeAsync(settings, 1);
        proxy.Restore();
        await Eventually.HoldsAsync(() => first.Status.IsAvailable, "the node is back");

        Assert.Equal([1], lost);
        Assert.Equal(0, (await first.AcceptAsync(Sample.Request(), idempotency: null, default)).Lane);
        Assert.Equal(0, first.Status.Backlog); // the requests of lane 0 are still in its memory
    }

    [Fact]
    public async Task DeadLetter_IsRedrivenByAnyNode_IntoALaneOfItsOwn()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var first = await NodeAsync(settings, 0);
        await using var second = await NodeAsync(settings, 3);
        var request = Sample.Request();
        await first.AcceptAsync(request, idempotency: null, default);
        await first.DecideAsync(request.Id, Sample.Decision(), default);
        await first.SettleAsync(request.Id, new(RequestState.Failed, Sample.Now, Sample.Attempt()), default);

        Assert.Equal(
            request.Id,
            Assert.Single((await second.ListDeadLettersAsync(new(), after: null, most: 10, default)).Letters).Id
        );
        var redriven = await second.RedriveAsync(request.Id, Sample.Now, default);

        Assert.Equal((RedriveOutcome.Redriven, 3), (redriven.Outcome, redriven.Lane));
        await AssertMovedAsync(() => first.SettleAsync(request.Id, Delivered, default));
        await second.SettleAsync(request.Id, Delivered, default);
        Assert.Equal(RequestState.Delivered, (await first.FindAsync(request.Id, default))!.State);
    }

    [Fact]
    public async Task IdempotencyKey_IsOneOverAllNodes()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var first = await NodeAsync(settings, 0);
        await using var second = await NodeAsync(settings, 1);
        var request = Sample.Request();
        await first.AcceptAsync(request, new("key", "body"), default);

        Assert.Equal(
            (AcceptOutcome.Replayed, request.Id),
            Told(await second.AcceptAsync(Sample.Request(), new("key", "body"), default))
        );
        Assert.Equal(
            (AcceptOutcome.Conflict, request.Id),
            Told(await second.AcceptAsync(Sample.Request(), new("key", "other"), default))
        );

        static (AcceptOutcome Outcome, RequestId Id) Told(AcceptResult result) => (result.Outcome, result.Id);
    }

    /// <summary>
    /// A node that heard nothing of a commit rejected its caller, and takes the request back when connected again;
    /// meanwhile the caller may have repeated it at another node.
    /// </summary>
    [Fact]
    public async Task RequestInDoubt_ThatAnotherNodeConfirmed_IsKeptAndResumed_AndAnyOtherIsTakenBack()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var first = await NodeAsync(settings, 0);
        await using var second = await NodeAsync(settings, 1);
        var (confirmed, lookedUp, untold) = (Sample.Request(), Sample.Request(), Sample.Request());
        await first.AcceptAsync(confirmed, new("confirmed", "body"), default);
        await first.AcceptAsync(lookedUp, new("looked up", "body"), default);
        await first.AcceptAsync(untold, new("untold", "body"), default);
        await second.AcceptAsync(Sample.Request(), new("confirmed", "body"), default);
        await second.FindAcceptedAsync(new("looked up", "body"), default);

        List<int> resumed;
        await using (var connections = new PostgresConnections(settings.ConnectionString))
        await using (var session = await PostgresSession.OpenAsync(connections, KeySource.Required(settings), default))
            resumed = await session.TakeBackAsync([confirmed.Id.Value, lookedUp.Id.Value, untold.Id.Value], lanes: [0]);

        Assert.Equal([0], resumed);
        Assert.Equal(
            [confirmed.Id, lookedUp.Id],
            await first.ReadUnsettledAsync(0, default).Select(left => left.Request.Id).ToListAsync()
        );
        Assert.Null(await second.FindAsync(untold.Id, default));
        var again = Sample.Request();
        Assert.Equal(again.Id, (await second.AcceptAsync(again, new("untold", "body"), default)).Id);
    }

    /// <summary>Whoever wants to take a lane, and read it, waits for a holder that takes a request back.</summary>
    [Fact]
    public async Task LaneThatIsTaken_WhileItsHolderTakesARequestBack_IsReadAfterThat()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var proxy = TcpProxy.To(new NpgsqlConnectionStringBuilder(settings.ConnectionString).Port);
        await using var first = await NodeAsync(PostgresOwnershipTests.Through(proxy, settings), 0);
        await using var second = await NodeAsync(settings);
        await using var other = new NpgsqlConnection(settings.ConnectionString);
        await other.OpenAsync();

        // The key is locked until the answer cannot get through: so the node does not learn that the request is stored.
        var accepting = await WhileAsync(
            "INSERT INTO charging_idempotency VALUES ('key', '', gen_random_uuid(), 0)",
            async () =>
            {
                var task = first.AcceptAsync(Sample.Request(), new("key", "body"), default).AsTask();
                await Eventually.HoldsAsync(async () => await WaitingAsync() == 1, "the request waits for the key");
                proxy.Freeze();
                return task;
            }
        );
        await Assert.ThrowsAsync<JournalUnavailableException>(() => accepting);
        var reading = await WhileAsync(
            "SELECT 1 FROM charging_request FOR UPDATE",
            async () =>
            {
                proxy.Restore();
                await Eventually.HoldsAsync(async () => await WaitingAsync() == 1, "it is being taken back");
                var task = ReadBySecondAsync();
                await Eventually.HoldsAsync(
                    async () => task.IsCompleted || await WaitingAsync() == 2,
                    "the second node reads the lane, or waits for it"
                );
                return task;
            }
        );
        var read = await reading;
        await Eventually.HoldsAsync(() => first.Status.IsAvailable, "the first node is back");

        foreach (var id in read)
            Assert.NotNull(await second.FindAsync(id, default));

        async Task<T> WhileAsync<T>(string locking, Func<Task<T>> act)
        {
            await using var transaction = await other.BeginTransactionAsync();
            await using var command = new NpgsqlCommand(locking, other);
            await command.ExecuteNonQueryAsync();
            var acting = await act();
            await transaction.RollbackAsync();
            return acting;
        }

        async Task<List<RequestId>> ReadBySecondAsync()
        {
            await TakeAsync(second, 0);
            return await second.ReadUnsettledAsync(0, default).Select(left => left.Request.Id).ToListAsync();
        }

        async Task<long> WaitingAsync() =>
            (long)(await SharedPostgres.QueryAsync(settings, "SELECT count(*) FROM pg_locks WHERE NOT granted"))!;
    }

    [Fact]
    public async Task LaneWhoseHolderIsFrozenInAWrite_IsNotTakenYet_AndItsTakerGoesOnWithItsOwn()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var first = await NodeAsync(settings, 0);
        await using var second = await NodeAsync(settings, 1);
        await using (var other = new NpgsqlConnection(settings.ConnectionString))
        {
            await other.OpenAsync();
            await using var writing = await other.BeginTransactionAsync();
            await other.ExecuteAsync("SELECT 1 FROM charging_node FOR SHARE"); // as the first node's writes do

            var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => second.TakeLaneAsync(0, default));

            Assert.Equal("The holder of lane 0 is still writing.", refused.Message);
            Assert.True(second.Status.IsAvailable);
            Assert.Equal(1, (await second.AcceptAsync(Sample.Request(), idempotency: null, default)).Lane);
        }

        await second.TakeLaneAsync(0, default);
        Assert.Equal(2, (await second.ListLanesAsync(default)).Count(lane => lane.IsOurs));
    }

    /// <summary>Its machine still acknowledges what the server sends.</summary>
    [Fact]
    public async Task SessionThatIsFrozenInATransaction_IsEnded_AndItsLocksWithIt()
    {
        var settings = await postgres.NewSettingsAsync();
        await (await SharedPostgres.OpenAsync(settings)).DisposeAsync();
        await using var connections = new PostgresConnections(settings.ConnectionString);
        await using var session = await PostgresSession.OpenAsync(connections, KeySource.Required(settings), default);
        await session.Connection.ExecuteAsync("BEGIN");
        await session.Connection.ExecuteAsync("LOCK TABLE charging_node");

        Assert.Equal(0L, await SharedPostgres.QueryAsync(settings, "SELECT count(*) FROM charging_node"));
    }

    /// <summary>Its settlement was stored, nobody heard of that, and retention deleted it.</summary>
    [Fact]
    public async Task SettlementOfARequestThatIsGone_IsDone()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var node = await NodeAsync(settings, 0);
        var request = Sample.Request();
        await node.AcceptAsync(request, idempotency: null, default);
        await node.DecideAsync(request.Id, Sample.Decision(), default);
        await SharedPostgres.QueryAsync(settings, "DELETE FROM charging_request");

        await node.RecordAttemptAsync(request.Id, Sample.Attempt(), default);
        await node.SettleAsync(request.Id, Delivered, default);

        await AssertMovedAsync(() => node.DecideAsync(Sample.Request().Id, Sample.Decision(), default));
    }

    /// <summary>
    /// A node reads a lane again whenever it may have requests that the node does not have, and after each failure.
    /// </summary>
    [Fact]
    public async Task DamagedRow_CountsOnce_HoweverOftenItsLaneIsRead_AndOnlyAtItsHolder()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var first = await NodeAsync(settings, 0);
        await first.AcceptAsync(Sample.Request(), idempotency: null, default);
        await SharedPostgres.QueryAsync(settings, "UPDATE charging_request SET secrets = NULL");
        await using var second = await NodeAsync(settings, 0);

        for (var reading = 0; reading < 2; reading++)
        {
            Assert.Empty(await second.ReadUnsettledAsync(0, default).ToListAsync());
            Assert.Equal(1, second.Status.Damaged);
        }

        await second.ReleaseLaneAsync(0, default);
        Assert.Equal(0, second.Status.Damaged);
        await second.TakeLaneAsync(0, default);
        Assert.Empty(await second.ReadUnsettledAsync(0, default).ToListAsync());
        await first.TakeLaneAsync(0, default);
        await Eventually.HoldsAsync(() => second.Status.Damaged == 0, "the holder before forgets it");
    }

    [Fact]
    public async Task NodeThatLosesItsSession_WhileItReadsALane_CountsWhatIsLeft()
    {
        var settings = await postgres.NewSettingsAsync();
        await using (var before = await NodeAsync(settings, 0, 1))
        {
            for (var i = 0; i < 6; i++)
                await before.AcceptAsync(Sample.Request(), idempotency: null, default);
        }

        await using var proxy = TcpProxy.To(new NpgsqlConnectionStringBuilder(settings.ConnectionString).Port);
        await using var node = await NodeAsync(PostgresOwnershipTests.Through(proxy, settings), 0, 1);
        await using var reading = node.ReadUnsettledAsync(0, default).GetAsyncEnumerator();
        Assert.True(await reading.MoveNextAsync());

        proxy.Cut();
        await Eventually.HoldsAsync(() => !node.Status.IsAvailable, "the node notices");
        proxy.Restore();
        await Eventually.HoldsAsync(() => node.Status.IsAvailable, "the node is back");
        Assert.Equal(3, node.Status.Backlog);
        await reading.DisposeAsync();

        await using var other = node.ReadUnsettledAsync(1, default).GetAsyncEnumerator();
        Assert.True(await other.MoveNextAsync());
        Assert.Equal(3, node.Status.Backlog);
    }

    /// <summary>
    /// The node heard nothing of the commit; meanwhile its lane, or after a redrive the request, is another's.
    /// </summary>
    [Fact]
    public async Task SettlementThatWasStored_IsDone_WhoeverHasTheLane()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var first = await NodeAsync(settings, 0);
        var request = Sample.Request();
        await first.AcceptAsync(request, idempotency: null, default);
        await first.DecideAsync(request.Id, Sample.Decision(), default);
        await first.SettleAsync(request.Id, Delivered, default);
        await using var second = await NodeAsync(settings, 0);

        await first.SettleAsync(request.Id, Delivered, default);

        await AssertMovedAsync(() =>
            first.SettleAsync(request.Id, Delivered with { At = Delivered.At.AddSeconds(1) }, default)
        );
    }

    [Fact]
    public async Task ProcessThatRunsAlone_AndACluster_ExcludeEachOther_AndTakeUpWhatTheOtherLeft()
    {
        var settings = await postgres.NewSettingsAsync();
        var (ofAlone, ofNode) = (Sample.Request(), Sample.Request());
        await using (var alone = await SharedPostgres.OpenAsync(settings, new FakeTimeProvider(Sample.Now)))
        {
            await alone.AcceptAsync(ofAlone, idempotency: null, default);
            await using var waiting = new PostgresJournal(settings, new FakeTimeProvider(Sample.Now), lanes: LaneCount);
            await waiting.StartAsync(default);
            Assert.Contains("owned by process", waiting.Status.Problem, StringComparison.Ordinal);
        }

        await using (var node = await NodeAsync(settings, 0, 1, 2, 3))
        {
            Assert.Equal(
                [ofAlone.Id],
                await node.ReadUnsettledAsync(0, default).Select(left => left.Request.Id).ToListAsync()
            );
            node.SetOpen(0, isOpen: false);
            await node.AcceptAsync(ofNode, idempotency: null, default);
            await using var waiting = await SharedPostgres.OpenAsync(settings, new FakeTimeProvider(Sample.Now));
            Assert.Contains("owned by process", waiting.Status.Problem, StringComparison.Ordinal);
        }

        await using var again = await SharedPostgres.OpenAsync(settings, new FakeTimeProvider(Sample.Now));
        Assert.Equal(
            new[] { ofAlone.Id, ofNode.Id }.ToHashSet(),
            await again.ReadUnsettledAsync(default).Select(left => left.Request.Id).ToHashSetAsync()
        );
    }

    [Fact]
    public async Task NumberOfLanes_IsChangedByTheFirstNodeAlone()
    {
        var settings = await postgres.NewSettingsAsync();
        var request = Sample.Request();
        await using (var node = await NodeAsync(settings, 3))
        {
            await node.AcceptAsync(request, idempotency: null, default);
            await using var other = new PostgresJournal(settings, new FakeTimeProvider(Sample.Now), lanes: 2);
            var refused = await Assert.ThrowsAsync<InvalidJournalException>(() => other.StartAsync(default));
            Assert.Contains("has 4 lanes, but cluster.lanes = 2", refused.Message, StringComparison.Ordinal);
        }

        await using var fewer = new PostgresJournal(settings, new FakeTimeProvider(Sample.Now), lanes: 2);
        await fewer.StartAsync(default);
        await fewer.TakeLaneAsync(1, default);

        Assert.Equal(
            [request.Id],
            await fewer.ReadUnsettledAsync(1, default).Select(left => left.Request.Id).ToListAsync()
        );
        Assert.Equal([0, 1], (await fewer.ListLanesAsync(default)).Select(lane => lane.Lane));
    }

    /// <summary>One node deletes by its own clock, which knows nothing of the others': the lowest counts.</summary>
    [Fact]
    public async Task NodeWhoseClockIsDaysBehind_HasItsRowsKeptByTheOneThatDeletes()
    {
        var settings = await postgres.NewSettingsAsync();
        var (time, behind) = (new SteppingTime(), new SteppingTime { Step = TimeSpan.FromDays(-3) });
        await using var deleting = await NodeAsync(settings, time, 0);
        await using var other = await NodeAsync(settings, behind, 1);
        time.Advance(TimeSpan.FromDays(2));
        behind.Advance(TimeSpan.FromDays(2));

        var request = Sample.Request(acceptedAt: behind.GetUtcNow());
        await other.AcceptAsync(request, idempotency: null, default);
        await other.SettleAsync(request.Id, new(RequestState.Failed, behind.GetUtcNow(), LastAttempt: null), default);

        await Eventually.HoldsAsync(
            async () =>
                (long)
                    (
                        await SharedPostgres.QueryAsync(
                            settings,
                            "SELECT count(*) FROM charging_meta WHERE name LIKE 'clock of %'"
                        )
                    )! == 0,
            "what it told is taken in"
        );
        Assert.NotNull(await deleting.FindAsync(request.Id, default));
        Assert.Equal(1L, await SharedPostgres.QueryAsync(settings, "SELECT count(*) FROM charging_request"));
    }

    private static Task<PostgresJournal> NodeAsync(JournalSettings settings, params int[] lanes) =>
        NodeAsync(settings, new FakeTimeProvider(Sample.Now), lanes);

    private static async Task<PostgresJournal> NodeAsync(
        JournalSettings settings,
        TimeProvider time,
        params int[] lanes
    )
    {
        var node = new PostgresJournal(settings, time, lanes: LaneCount);
        await node.StartAsync(default);
        foreach (var lane in lanes)
        {
            await node.TakeLaneAsync(lane, default);
            node.SetOpen(lane, isOpen: true);
        }

        return node;
    }

    /// <summary>As nodes do, which ask again while the holder is writing.</summary>
    private static Task TakeAsync(PostgresJournal node, int lane) =>
        Eventually.HoldsAsync(
            async () =>
            {
                try
                {
                    await node.TakeLaneAsync(lane, default);
                    return true;
                }
                catch (JournalUnavailableException)
                {
                    return false;
                }
            },
            $"lane {lane} is taken"
        );

    private static async Task<(RequestState State, int Attempts)> StateAsync(
        PostgresJournal node,
        ChargingRequest request
    )
    {
        var found = await node.FindAsync(request.Id, default);
        return (found!.State, found.Attempts.Count);
    }

    private static async Task AssertMovedAsync<T>(Func<ValueTask<T>> write) =>
        await Assert.ThrowsAsync<RequestMovedException>(async () => await write());

    private static async Task AssertMovedAsync(Func<ValueTask> write) =>
        await Assert.ThrowsAsync<RequestMovedException>(async () => await write());
}
