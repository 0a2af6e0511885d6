using System.Diagnostics;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Retention;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Pipeline;
using Xunit.Abstractions;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Component")]
// one after another: a process being started (mount) holds copies of open locks for a moment
[Collection("SQLite journal")]
public sealed class SqliteJournalTests(ITestOutputHelper output) : IAsyncLifetime
{
    private readonly JournalFolder _folder = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _folder.DisposeAsync().AsTask();

    /// <summary>
    /// Older versions, which may run alongside newer ones in a cluster for a while, take a reason that they do not know
    /// for a damaged row.
    /// </summary>
    [Fact]
    public async Task ReasonsThatOlderVersionsDoNotKnow_AreKeptBesideOneThatTheyKnow_AndDetailsAreEncrypted()
    {
        string[] known =
        [
            "in_acl",
            "not_in_acl",
            "blocked",
            "expired",
            "station_not_allowed",
            "timeout",
            "circuit_open",
            "authorizer_error",
            "authorized",
        ];
        var journal = await _folder.StartAsync();
        await _folder.AcceptAsync(journal);
        foreach (var reason in Enum.GetValues<DecisionReason>())
        {
            var request = Sample.Request() with { Format = CallbackFormat.Extended };
            await journal.AcceptAsync(request, idempotency: null, default);
            await journal.DecideAsync(
                request.Id,
                Sample.Decision() with
                {
                    Reason = reason,
                    Details = new() { Text = "canary-text" },
                },
                default
            );
        }

        await journal.DisposeAsync();
        await using (var shell = _folder.Shell())
        {
            using var rows = shell.CreateCommand();
            rows.CommandText = "SELECT reason, coalesce(exact_reason, reason) FROM request WHERE status IS NOT NULL";
            using var read = rows.ExecuteReader();
            var exact = new List<string>();
            while (read.Read())
            {
                Assert.Contains(read.GetString(0), known);
                exact.Add(read.GetString(1));
            }

            Assert.Equal(Enum.GetValues<DecisionReason>().Select(DecisionNames.Name), exact);
            SqliteSchema.Run(shell, "UPDATE request SET exact_reason = 'of_tomorrow' WHERE reason = 'timeout'");
        }

        Assert.DoesNotContain(
            "canary",
            System.Text.Encoding.Latin1.GetString(await File.ReadAllBytesAsync(_folder.Journal)),
            StringComparison.Ordinal
        );
        await using var reopened = await _folder.StartAsync();
        var unsettled = await reopened.ReadUnsettledAsync(default).ToListAsync();
        Assert.Equal(0, reopened.Status.Damaged);
        Assert.All(
            unsettled.Skip(1),
            found =>
                Assert.Equal(
                    (CallbackFormat.Extended, "canary-text"),
                    (found.Request.Format, found.Decision!.Details!.Text)
                )
        );
        // two of another version, which are told by the nearest of their status
        Assert.Equal(3, unsettled.Count(found => found.Decision is { Reason: DecisionReason.Authorized }));
    }

    [Fact]
    public async Task Reopened_GivesBackWhatIsUnsettled_InOrder_WithDecisionAndAttempts()
    {
        var trace = new ActivityContext(
            ActivityTraceId.CreateRandom(),
            ActivitySpanId.CreateRandom(),
            ActivityTraceFlags.Recorded,
            "a=b"
        );
        var journal = await _folder.StartAsync();
        var queued = Sample.Request("http://127.0.0.1:8080/hook?key=1") with { ApiKeyName = "fleet", Trace = trace };
        await journal.AcceptAsync(queued, idempotency: null, default);
        var settled = await _folder.AcceptAsync(journal);
        var decided = await _folder.AcceptAsync(journal);
        await journal.DecideAsync(decided.Id, Sample.Decision(Sample.Now.AddTicks(1)), default);
        await journal.RecordAttemptAsync(decided.Id, Sample.Attempt(), default);
        await journal.RecordAttemptAsync(decided.Id, Sample.Attempt(at: Sample.Now.AddSeconds(1)), default);
        await journal.SettleAsync(
            settled.Id,
            new(RequestState.Delivered, Sample.Now, Sample.Attempt(CallbackOutcome.Success)),
            default
        );
        await journal.DisposeAsync();

        journal = await _folder.StartAsync();
        Assert.Equal(2, journal.Status.Backlog);
        var later = await _folder.AcceptAsync(journal);
        var unsettled = await journal.ReadUnsettledAsync(default).ToListAsync();

        Assert.Equal([queued.Id, decided.Id], unsettled.Select(found => found.Request.Id));
        var first = unsettled[0].Request;
        Assert.Equal(
            (
                queued.Station,
                queued.Token,
                queued.Callback.Text,
                queued.Callback.Uri,
                queued.Callback.Destination,
                queued.AcceptedAt,
                queued.ExpiresAt,
                "fleet",
                trace
            ),
            (
                first.Station,
                first.Token,
                first.Callback.Text,
                first.Callback.Uri,
                first.Callback.Destination,
                first.AcceptedAt,
                first.ExpiresAt,
                first.ApiKeyName,
                first.Trace
            )
        );
        Assert.Equal((null, 0), (unsettled[0].Decision, unsettled[0].AttemptsMade));
        Assert.Equal((Sample.Decision(Sample.Now.AddTicks(1)), 2), (unsettled[1].Decision, unsettled[1].AttemptsMade));
        Assert.Equal(0, journal.Status.Backlog);
        Assert.Equal(RequestState.Delivered, (await journal.FindAsync(settled.Id, default))!.State);
        Assert.Equal(RequestState.Queued, (await journal.FindAsync(later.Id, default))!.State);
    }

    [Fact]
    public async Task AttemptThatIsWrittenAgain_CountsOnce()
    {
        await using var journal = await _folder.StartAsync();
        var request = await _folder.AcceptAsync(journal);

        await journal.RecordAttemptAsync(request.Id, Sample.Attempt(), default);
        await journal.RecordAttemptAsync(request.Id, Sample.Attempt(), default);
        await journal.RecordAttemptAsync(request.Id, Sample.Attempt(at: Sample.Now.AddSeconds(1)), default);

        Assert.Equal(2, (await journal.FindAsync(request.Id, default))!.Attempts.Count);
    }

    [Fact]
    public async Task DamagedRow_IsReportedAndCounted_AndTheOthersAreRead()
    {
        var journal = await _folder.StartAsync();
        var requests = new List<ChargingRequest>();
        for (var i = 0; i < 5; i++)
            requests.Add(await _folder.AcceptAsync(journal));
        await journal.SettleAsync(requests[4].Id, new(RequestState.Failed, Sample.Now, LastAttempt: null), default);
        await journal.DisposeAsync();
        await using (
            _folder.Shell(
                "UPDATE request SET secrets = unhex(replace(hex(secrets), substr(hex(secrets), -8), "
                    + "'00000000')) WHERE seq IN (1, 5); UPDATE request SET secrets = NULL WHERE seq = 3"
            )
        ) { }

        var reports = new List<(RequestId Id, string Damage)>();
        await using var reopened = new SqliteJournal(
            _folder.Settings,
            _folder.Time,
            (id, damage) => reports.Add((id, damage))
        );
        await reopened.StartAsync(default);

        for (var reading = 0; reading < 2; reading++)
        {
            Assert.Equal(
                [requests[1].Id, requests[3].Id],
                await reopened.ReadUnsettledAsync(default).Select(unsettled => unsettled.Request.Id).ToListAsync()
            );
            Assert.Equal((2, 0), (reopened.Status.Damaged, reopened.Status.Backlog));
        }

        Assert.Equal(
            [requests[0].Id, requests[2].Id, requests[0].Id, requests[2].Id],
            reports.Select(report => report.Id)
        );
        Assert.Contains("was changed or moved", reports[0].Damage, StringComparison.Ordinal);
        Assert.Contains("are missing", reports[1].Damage, StringComparison.Ordinal);
        using var shell = _folder.Shell();
        Assert.Equal(4, SqliteSchema.Number(shell, "SELECT count(*) FROM request WHERE settled_at IS NULL"));
        Assert.Equal(
            RedriveOutcome.Damaged,
            (await reopened.RedriveAsync(requests[4].Id, Sample.Now, default)).Outcome
        );
        Assert.Equal(RequestState.Failed, (await reopened.FindAsync(requests[4].Id, default))!.State);
        Assert.True(reopened.Status.IsAvailable);
    }

    [Theory]
    [InlineData("station = 'x'")]
    [InlineData("id = x''")]
    [InlineData("id = x'01'")]
    [InlineData("id = zeroblob(17)")]
    public async Task PendingRequestWithADamagedStationOrId_IsReported_AndTheOthersAreRead(string damage)
    {
        var journal = await _folder.StartAsync();
        var requests = new List<ChargingRequest>();
        for (var i = 0; i < 3; i++)
            requests.Add(await _folder.AcceptAsync(journal));
        await journal.DisposeAsync();
        _folder.Shell($"UPDATE request SET {damage} WHERE seq = 2").Dispose();

        await using var reopened = await _folder.StartAsync();

        Assert.Equal(
            [requests[0].Id, requests[2].Id],
            await reopened.ReadUnsettledAsync(default).Select(unsettled => unsettled.Request.Id).ToListAsync()
        );
        Assert.Equal(1, reopened.Status.Damaged);
    }

    [Theory]
    [InlineData("x''")]
    [InlineData("x'01'")]
    [InlineData("x'ff'")]
    [InlineData("zeroblob(17)")]
    public async Task DamagedId_IsInNoList_AndHidesNoOther(string id)
    {
        var journal = await _folder.StartAsync();
        var requests = new List<RequestId>();
        for (var i = 0; i < 3; i++)
        {
            var request = await _folder.AcceptAsync(journal);
            await journal.SettleAsync(request.Id, new(RequestState.Failed, Sample.Now, LastAttempt: null), default);
            requests.Insert(0, request.Id);
            _folder.Time.Advance(TimeSpan.FromMilliseconds(1)); // orders the ids
        }

        using var shell = _folder.Shell($"UPDATE request SET id = {id} WHERE seq = 2");

        RequestId[] whole = [requests[0], requests[2]];
        Assert.Equal(whole[1], SqliteSearch.Floor(shell, before: whole[0], rows: 1));
        Assert.Null(SqliteSearch.Floor(shell, before: whole[0], rows: 2));
        var searched = new List<RequestId>();
        for (RequestId? before = null; ; )
        {
            var page = await journal.SearchAsync(new(), before, most: 1, default);
            searched.AddRange(page.Requests.Select(record => record.Id));
            if ((before = page.Next) is null)
                break;
        }

        var letters = new List<RequestId>();
        for (DeadLetterCursor? after = null; ; )
        {
            var page = await journal.ListDeadLettersAsync(new(), after, most: 1, default);
            letters.AddRange(page.Letters.Select(letter => letter.Id));
            if ((after = page.Next) is null)
                break;
        }

        Assert.Equal(whole, searched);
        Assert.Equal(whole, letters);
        Assert.Equal(2, await journal.CountDeadLettersAsync(new(), default));
    }

    [Fact]
    public async Task DamagedRowsThatAWriteMeets_StopNoCommit()
    {
        var journal = await _folder.StartAsync(_folder.Settings with { MaxSettledRows = 1 });
        var claim = journal.Hasher.Claim(null, "key", "body");
        var pending = Sample.Request();
        await journal.AcceptAsync(pending, claim, default);
        await ExpireAsync();
        _folder
            .Shell("UPDATE request SET state = 'x' WHERE settled_at IS NOT NULL; UPDATE idempotency SET id = x'01'")
            .Dispose();

        await ExpireAsync(); // deletes the one before

        Assert.Equal(new EarlyCounts(Delivered: 0, Expired: 0, Failed: 1), journal.Status.EarlyDeletions);
        var replayed = await journal.AcceptAsync(Sample.Request(), claim, default);
        Assert.Equal(AcceptOutcome.Replayed, replayed.Outcome);
        Assert.True(journal.Status.IsAvailable);

        async Task ExpireAsync()
        {
            var request = await _folder.AcceptAsync(journal);
            await journal.SettleAsync(request.Id, new(RequestState.Expired, Sample.Now, LastAttempt: null), default);
        }
    }

    [Fact]
    public async Task RedrivenRequest_ComesBackAfterARestart_MarkedAndWithItsNewAge()
    {
        var journal = await _folder.StartAsync();
        var request = await _folder.AcceptAsync(journal);
        await journal.DecideAsync(request.Id, Sample.Decision(), default);
        await journal.SettleAsync(request.Id, new(RequestState.Failed, Sample.Now, Sample.Attempt()), default);
        await journal.DisposeAsync();
        journal = await _folder.StartAsync();
        Assert.Equal(
            RedriveOutcome.Redriven,
            (await journal.RedriveAsync(request.Id, Sample.Now.AddHours(1), default)).Outcome
        );
        await journal.RecordAttemptAsync(request.Id, Sample.Attempt(at: Sample.Now.AddSeconds(1)), default);
        await journal.DisposeAsync();

        journal = await _folder.StartAsync();

        var found = Assert.Single(await journal.ReadUnsettledAsync(default).ToListAsync());
        Assert.Equal(
            (request.Id, Sample.Decision(), 1, true),
            (found.Request.Id, found.Decision, found.AttemptsMade, found.IsRedriven)
        );
        Assert.Equal(
            (request.AcceptedAt, Sample.Now.AddHours(1).AddMinutes(5)),
            (found.Request.AcceptedAt, found.Request.ExpiresAt)
        );
    }

    [Fact]
    public async Task RequestRedrivenBeforeTheBacklogIsRead_IsNotPartOfIt()
    {
        var journal = await _folder.StartAsync();
        var (pending, dead) = (await _folder.AcceptAsync(journal), await _folder.AcceptAsync(journal));
        await journal.SettleAsync(dead.Id, new(RequestState.Failed, Sample.Now, LastAttempt: null), default);
        await journal.DisposeAsync();
        journal = await _folder.StartAsync();

        Assert.Equal(RedriveOutcome.Redriven, (await journal.RedriveAsync(dead.Id, Sample.Now, default)).Outcome);
        await using var backlog = journal.ReadUnsettledAsync(default).GetAsyncEnumerator();

        Assert.True(await backlog.MoveNextAsync());
        Assert.Equal(pending.Id, backlog.Current.Request.Id);
        // while the page that was read waits
        await journal.SettleAsync(dead.Id, new(RequestState.Delivered, Sample.Now, LastAttempt: null), default);
        Assert.False(await backlog.MoveNextAsync());
    }

    /// <summary>SQLite gives the number of a deleted row to a new one when no row has a higher one.</summary>
    [Fact]
    public async Task RequestWithTheNumberOfADeletedOne_IsNotPartOfTheBacklog()
    {
        var journal = await _folder.StartAsync();
        var (pending, settled) = (await _folder.AcceptAsync(journal), await _folder.AcceptAsync(journal));
        await journal.SettleAsync(settled.Id, new(RequestState.Delivered, Sample.Now, LastAttempt: null), default);
        await journal.DisposeAsync();
        journal = await _folder.StartAsync(_folder.Settings with { MaxSettledRows = 0 });
        await using var backlog = journal.ReadUnsettledAsync(default).GetAsyncEnumerator();
        Assert.True(await backlog.MoveNextAsync());
        Assert.Equal(pending.Id, backlog.Current.Request.Id);

        await journal.DecideAsync(pending.Id, Sample.Decision(), default); // the settled one is deleted with it
        Assert.Null(await journal.FindAsync(settled.Id, default));
        await _folder.AcceptAsync(journal);

        Assert.False(await backlog.MoveNextAsync());
    }

    [Fact]
    public async Task BacklogThatWasReadToItsEnd_AsksNothingMore()
    {
        var journal = await _folder.StartAsync();
        await _folder.AcceptAsync(journal);
        await journal.DisposeAsync();
        journal = await _folder.StartAsync();
        await using var backlog = journal.ReadUnsettledAsync(default).GetAsyncEnumerator();
        Assert.True(await backlog.MoveNextAsync());

        await journal.DisposeAsync(); // answers nothing any more, and the backlog would ask until it does

        Assert.False(await backlog.MoveNextAsync().AsTask().WaitAsync(Eventually.Patience));
    }

    [Fact]
    public async Task DiscardedLetter_HasNoSecretInTheFileAnyMore()
    {
        var journal = await _folder.StartAsync();
        var request = await _folder.AcceptAsync(journal);
        await journal.SettleAsync(request.Id, new(RequestState.Failed, Sample.Now, LastAttempt: null), default);
        byte[] secrets;
        using (var shell = _folder.Shell())
        using (var read = new PreparedQuery(shell, "SELECT secrets FROM request"))
            secrets = read.First(row => row.GetFieldValue<byte[]>(0))!;

        await journal.DiscardAsync(request.Id, default);
        await journal.DisposeAsync();

        Assert.True(File.ReadAllBytes(_folder.Journal).AsSpan().IndexOf(secrets) < 0);
    }

    [Fact]
    public async Task Reopened_RecognizesIdempotencyKeys()
    {
        var journal = await _folder.StartAsync();
        var request = Sample.Request();
        await journal.AcceptAsync(request, journal.Hasher.Claim("fleet", "key", "field"), default);
        await journal.DisposeAsync();

        journal = await _folder.StartAsync();

        Assert.Equal(
            new AcceptResult(AcceptOutcome.Replayed, request.Id),
            await journal.AcceptAsync(Sample.Request(), journal.Hasher.Claim("fleet", "key", "field"), default)
        );
    }

    [Fact]
    public async Task ReopenedDecision_IsNotMadeAgain()
    {
        var journal = await _folder.StartAsync();
        var request = await _folder.AcceptAsync(journal);
        await journal.DecideAsync(request.Id, Sample.Decision(), default);
        await journal.DisposeAsync();

        journal = await _folder.StartAsync();
        var standing = await journal.DecideAsync(
            request.Id,
            Sample.Decision(Sample.Now.AddSeconds(1), AuthorizationStatus.NotAllowed),
            default
        );

        Assert.Equal(Sample.Decision(), standing);
    }

    [Fact]
    public async Task NotStarted_OrClosed_IsUnavailable()
    {
        var journal = new SqliteJournal(_folder.Settings, _folder.Time);
        Assert.False(journal.Status.IsAvailable);
        Assert.False(journal.Invalid.IsCompleted);
        Assert.Throws<JournalUnavailableException>(() => journal.Hasher);
        await AssertUnavailableAsync(journal);
        await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await journal.ReadUnsettledAsync(default).ToListAsync()
        );
        await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            journal.FindAsync(RequestId.New(Sample.Now), default).AsTask()
        );
        await journal.DisposeAsync();

        journal = await _folder.StartAsync();
        await journal.DisposeAsync();
        await journal.DisposeAsync();

        Assert.Equal("The journal is closed.", journal.Status.Problem);
        await AssertUnavailableAsync(journal);
        await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            journal.FindAsync(RequestId.New(Sample.Now), default).AsTask()
        );
    }

    [Theory]
    [InlineData(64)]
    [InlineData(256)]
    public async Task ManyCallers_ShareCommits_AndAllOfTheirsIsKept(int callers)
    {
        const int Each = 40;
        var journal = await _folder.StartAsync();
        var started = Stopwatch.GetTimestamp();

        var accepted = await Task.WhenAll(
            Enumerable
                .Range(0, callers)
                .Select(_ =>
                    Task.Run(async () =>
                    {
                        var mine = new List<RequestId>();
                        for (var i = 0; i < Each; i++)
                            mine.Add((await _folder.AcceptAsync(journal)).Id);
                        return mine;
                    })
                )
        );

        output.WriteLine(
            $"{callers} callers: {callers * Each / Stopwatch.GetElapsedTime(started).TotalSeconds:f0} accepted/s"
        );
        await journal.DisposeAsync();
        started = Stopwatch.GetTimestamp();
        var unsettled = await (await _folder.StartAsync()).ReadUnsettledAsync(default).ToListAsync();
        output.WriteLine(
            $"recovered {unsettled.Count / Stopwatch.GetElapsedTime(started).TotalSeconds:f0} rows/s, opening included"
        );
        Assert.Equal(
            accepted.SelectMany(mine => mine).ToHashSet(),
            unsettled.Select(found => found.Request.Id).ToHashSet()
        );
        Assert.Equal(callers * Each, unsettled.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Callers_GoOnOnThePool_AlsoWhenTheirWriteFailed(bool fails)
    {
        var journal = await _folder.StartAsync();
        if (fails)
            _folder.Shell("DROP TABLE request").Dispose();

        var goOn = await Task.WhenAll(
            Enumerable
                .Range(0, 50)
                .Select(_ =>
                    Task.Run(() =>
                        _folder
                            .AcceptAsync(journal)
                            .ContinueWith(
                                accepted => (accepted.IsFaulted, Thread.CurrentThread.IsThreadPoolThread),
                                CancellationToken.None,
                                TaskContinuationOptions.ExecuteSynchronously,
                                TaskScheduler.Default
                            )
                    )
                )
        );

        Assert.All(goOn, caller => Assert.Equal((fails, true), caller));
    }

    [Fact]
    public async Task SecondOwner_WaitsAndNamesTheFirst_AndTakesOver()
    {
        var first = await _folder.StartAsync();
        var request = await _folder.AcceptAsync(first);

        var second = await _folder.StartAsync();
        Assert.Equal(
            $"The journal {_folder.Journal} is in use by process {Environment.ProcessId} on "
                + $"{Environment.MachineName} since {Sample.Now:yyyy-MM-ddTHH:mm:ssZ}; this process waits for it.",
            second.Status.Problem
        );
        await AssertUnavailableAsync(second);
        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            second.FindAsync(request.Id, default).AsTask()
        );
        Assert.Equal(second.Status.Problem, refused.Message);
        var reading = second.ReadUnsettledAsync(default).ToListAsync();
        await first.DisposeAsync();

        await _folder.TickUntilAsync(() => second.Status.IsAvailable, "the second owner has the journal");
        Assert.Equal(request.Id, Assert.Single(await reading).Request.Id);
        await _folder.AcceptAsync(second);
    }

    [Fact]
    public async Task JournalFoundUnusableLater_IsToldToTheHost()
    {
        var first = await _folder.StartAsync();
        var second = await _folder.StartAsync();
        Assert.False(second.Invalid.IsCompleted);
        await using (_folder.Shell("PRAGMA user_version = 99"))
            await first.DisposeAsync();

        await _folder.TickUntilAsync(() => second.Invalid.IsCompleted, "the second owner has looked at the journal");

        var invalid = await second.Invalid;
        Assert.Contains("schema version 99", invalid.Message, StringComparison.Ordinal);
        await second.DisposeAsync();
        Assert.Equal(invalid.Message, second.Status.Problem);
    }

    [Fact]
    public async Task Retention_EmptiesTheFile_InSmallSteps()
    {
        const int Settled = 450;
        var journal = await _folder.StartAsync();
        await Task.WhenAll(
            Enumerable
                .Range(0, Settled)
                .Select(async index =>
                {
                    var request = Sample.Request(acceptedAt: _folder.Time.GetUtcNow());
                    await journal.AcceptAsync(request, journal.Hasher.Claim(null, $"key-{index}"), default);
                    await journal.SettleAsync(
                        request.Id,
                        new(RequestState.Expired, _folder.Time.GetUtcNow(), LastAttempt: null),
                        default
                    );
                })
        );
        using var shell = _folder.Shell();
        Assert.Equal(2 * Settled, Rows());

        _folder.Time.Advance(TimeSpan.FromHours(24));

        await _folder.TickUntilAsync(() => Rows() == 0, "old rows are gone");
        Assert.True(journal.Status.IsAvailable);

        long Rows() =>
            SqliteSchema.Number(shell, "SELECT (SELECT count(*) FROM request) + (SELECT count(*) FROM idempotency)");
    }

    [Fact]
    public async Task ReopenedJournal_KnowsWhatEachCallerHolds()
    {
        var settings = _folder.Settings with { MaxSettledRows = 4 };
        var first = await _folder.StartAsync(settings);
        var quiet = await SettledAsync(first, "quiet", RequestState.Failed);
        var busy = await SettledAsync(first, "busy", RequestState.Delivered);
        await first.DisposeAsync();

        var reopened = await _folder.StartAsync(settings);
        var later = new List<ChargingRequest>();
        for (var i = 0; i < 20; i++)
            later.Add(await SettledAsync(reopened, "busy", RequestState.Failed));

        Assert.NotNull(await reopened.FindAsync(quiet.Id, default));
        Assert.Null(await reopened.FindAsync(busy.Id, default));
        Assert.Equal(new EarlyCounts(Delivered: 1, Expired: 0, Failed: 17), reopened.Status.EarlyDeletions);
        Assert.NotNull(await reopened.FindAsync(later[^3].Id, default));

        async Task<ChargingRequest> SettledAsync(SqliteJournal journal, string apiKey, RequestState state)
        {
            var request = Sample.Request(acceptedAt: _folder.Time.GetUtcNow()) with { ApiKeyName = apiKey };
            await journal.AcceptAsync(request, idempotency: null, default);
            _folder.Time.Advance(TimeSpan.FromMilliseconds(1));
            await journal.SettleAsync(request.Id, new(state, _folder.Time.GetUtcNow(), LastAttempt: null), default);
            return request;
        }
    }

    /// <summary>A slow disk has many writes share a commit.</summary>
    [Fact]
    public async Task CommitThatSettlesMany_DeletesAsMany_AndMore()
    {
        const int Kept = 10;
        const int Excess = 300;
        using var writer = new SqliteWriter(_folder.Settings, _folder.Time);
        await writer.Opened;
        await writer.WriteAsync(store => Settle(store, Kept + Excess));
        writer.Dispose();
        await writer.Ended;
        using var bounded = new SqliteWriter(_folder.Settings with { MaxSettledRows = Kept }, _folder.Time);
        using var shell = _folder.Shell();
        await bounded.Opened;

        await bounded.WriteAsync(store => Settle(store, 1_000));
        Assert.Equal(Kept + Excess - 200, Rows());
        await bounded.WriteAsync(store => Settle(store, 1_000));
        Assert.Equal(Kept, Rows());

        bounded.Dispose();
        await bounded.Ended;

        long Rows() => SqliteSchema.Number(shell, "SELECT count(*) FROM request");

        static int Settle(SqliteStore store, int requests)
        {
            for (var i = 0; i < requests; i++)
            {
                var request = Sample.Request();
                store.Accept(request.Id, RequestRow.Of(request, store.Secrets), idempotency: null, Sample.Now);
                store.Settle(request.Id, new(RequestState.Expired, Sample.Now, LastAttempt: null));
            }

            return requests;
        }
    }

    [Fact]
    [Trait("Category", "Performance")]
    public async Task AMillionSettledRows_DoNotSlowDownAccepting()
    {
        const int Samples = 1_000;
        await using var other = new JournalFolder();
        var (full, empty) = (await _folder.StartAsync(), await other.StartAsync());
        await full.DisposeAsync();
        await using (
            _folder.Shell(
                $"""
                PRAGMA synchronous = OFF;
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
                INSERT INTO request (id, station, token_masked, token_fingerprint, destination, accepted_at, expires_at, state, settled_at)
                SELECT randomblob(16), '123e4567-e89b-42d3-a456-426614174000', 'abcd***', randomblob(16),
                    'https://a.example:443', 1, 1, 'delivered', {Sample.Now.UtcTicks} + i FROM n
                """
            )
        )
        {
            full = await _folder.StartAsync();
        }

        var (fullTimes, emptyTimes) = (new List<double>(), new List<double>());
        for (var i = 0; i < Samples; i++)
        {
            fullTimes.Add(await TimeAsync(() => _folder.AcceptAsync(full)));
            emptyTimes.Add(await TimeAsync(() => other.AcceptAsync(empty)));
        }

        var ratio = Median(fullTimes) / Median(emptyTimes);
        output.WriteLine(
            $"accept with a million settled rows: median {Median(fullTimes):f3} ms, empty "
                + $"{Median(emptyTimes):f3} ms, ratio {ratio:f2}"
        );
        Assert.InRange(ratio, 0, 1.5);

        static double Median(List<double> times) => times.Order().ElementAt(times.Count / 2);
    }

    internal static async Task AssertUnavailableAsync(SqliteJournal journal)
    {
        var id = RequestId.New(Sample.Now);
        await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            journal.AcceptAsync(Sample.Request(), idempotency: null, default).AsTask()
        );
        await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            journal.DecideAsync(id, Sample.Decision(), default).AsTask()
        );
        await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            journal.RecordAttemptAsync(id, Sample.Attempt(), default).AsTask()
        );
        await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            journal.SettleAsync(id, new(RequestState.Failed, Sample.Now, LastAttempt: null), default).AsTask()
        );
    }

    private static async Task<double> TimeAsync(Func<Task> call)
    {
        var started = Stopwatch.GetTimestamp();
        await call();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }
}
