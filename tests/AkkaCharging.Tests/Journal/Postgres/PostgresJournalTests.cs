using System.Collections.Concurrent;
using System.Diagnostics;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Postgres;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using Xunit.Abstractions;

namespace AkkaCharging.Tests.Journal.Postgres;

[Trait("Category", "Component")]
[Collection(OnePostgres.Name)]
public sealed class PostgresJournalTests(SharedPostgres postgres, ITestOutputHelper output)
{
    [Fact]
    public async Task EachCommit_IsReported_WithItsWrites()
    {
        var commits = new ConcurrentQueue<(TimeSpan Duration, int Writes)>();
        await using var journal = new PostgresJournal(
            await postgres.NewSettingsAsync(),
            TimeProvider.System,
            committed: (duration, writes) => commits.Enqueue((duration, writes))
        );
        await journal.StartAsync(default);

        await Task.WhenAll(
            Enumerable
                .Range(0, 20)
                .Select(_ => journal.AcceptAsync(Sample.Request(), idempotency: null, default).AsTask())
        );

        await Eventually.HoldsAsync(() => commits.Sum(commit => commit.Writes) == 20, "all are reported");
        Assert.All(commits, commit => Assert.InRange(commit.Duration, TimeSpan.FromTicks(1), TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task UnsettledRequests_ComeBackWhole_InOrderOfAcceptance()
    {
        var settings = await postgres.NewSettingsAsync();
        var trace = new ActivityContext(
            ActivityTraceId.CreateRandom(),
            ActivitySpanId.CreateRandom(),
            ActivityTraceFlags.Recorded,
            "vendor=1",
            isRemote: true
        );
        var requests = Enumerable
            .Range(0, 5)
            .Select(i => Sample.Request($"http://127.0.0.1:8080/{i}") with { ApiKeyName = "fleet", Trace = trace })
            .ToList();
        await using (var journal = await SharedPostgres.OpenAsync(settings))
        {
            foreach (var request in requests)
                await journal.AcceptAsync(request, idempotency: null, default);
            await journal.DecideAsync(requests[1].Id, Sample.Decision(), default);
            await journal.RecordAttemptAsync(requests[1].Id, Sample.Attempt(), default);
            await journal.SettleAsync(
                requests[2].Id,
                new(RequestState.Expired, Sample.Now, LastAttempt: null),
                default
            );
            Assert.Empty(await journal.ReadUnsettledAsync(default).ToListAsync());
        }

        await using var reopened = await SharedPostgres.OpenAsync(settings);
        Assert.Equal(4, reopened.Status.Backlog);
        var found = await reopened.ReadUnsettledAsync(default).ToListAsync();

        Assert.Equal(0, reopened.Status.Backlog);
        Assert.Equal(
            requests.Where((_, i) => i != 2).Select(request => request.Id),
            found.Select(unsettled => unsettled.Request.Id)
        );
        Assert.Equal(
            [(null, 0), (Sample.Decision(), 1), (null, 0), (null, 0)],
            found.Select(unsettled => (unsettled.Decision, unsettled.AttemptsMade))
        );
        var (expected, first) = (requests[0], found[0].Request);
        Assert.Equal(
            (
                expected.Station,
                expected.Token,
                expected.Callback.Text,
                expected.Callback.Destination,
                expected.AcceptedAt,
                expected.ExpiresAt,
                expected.ApiKeyName
            ),
            (
                first.Station,
                first.Token,
                first.Callback.Text,
                first.Callback.Destination,
                first.AcceptedAt,
                first.ExpiresAt,
                first.ApiKeyName
            )
        );
        Assert.Equal(
            (trace.TraceId, trace.SpanId, trace.TraceState),
            (first.Trace.TraceId, first.Trace.SpanId, first.Trace.TraceState)
        );
    }

    [Fact]
    public async Task ReadingThatEndedHalfWay_BeginsAgainWithItsWholeBacklog()
    {
        const int Count = 2_001; // a page and one more
        var settings = await postgres.NewSettingsAsync();
        await using (var journal = await SharedPostgres.OpenAsync(settings))
            await Task.WhenAll(
                Enumerable
                    .Range(0, Count)
                    .Select(_ => journal.AcceptAsync(Sample.Request(), idempotency: null, default).AsTask())
            );
        await using var proxy = TcpProxy.To(new NpgsqlConnectionStringBuilder(settings.ConnectionString).Port);
        await using var reopened = await SharedPostgres.OpenAsync(PostgresOwnershipTests.Through(proxy, settings));
        await Eventually.HoldsAsync(() => reopened.Status.IsAvailable, "the journal is open");
        var read = 0;
        await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
        {
            await foreach (var _ in reopened.ReadUnsettledAsync(default))
            {
                if (++read == 1_000)
                    proxy.Cut();
            }
        });
        Assert.Equal(Count - 1, read);
        proxy.Restore();
        await Eventually.HoldsAsync(() => reopened.Status.IsAvailable, "the journal is open again");

        var backlogs = await reopened.ReadUnsettledAsync(default).Select(_ => reopened.Status.Backlog).ToListAsync();

        Assert.Equal(Enumerable.Range(0, Count).Select(passed => (long)(Count - passed)), backlogs);
        Assert.Equal(0, reopened.Status.Backlog);
    }

    [Fact]
    public async Task DamagedRow_IsReportedAndCounted_AndTheOthersAreRead()
    {
        var settings = await postgres.NewSettingsAsync();
        var requests = Enumerable.Range(0, 4).Select(_ => Sample.Request()).ToList();
        await using (var journal = await SharedPostgres.OpenAsync(settings))
        {
            foreach (var request in requests)
                await journal.AcceptAsync(request, idempotency: null, default);
        }

        await SharedPostgres.QueryAsync(
            settings,
            "UPDATE charging_request SET secrets = set_byte(secrets, 30, 255 - get_byte(secrets, 30)) WHERE seq = 1"
        );
        await SharedPostgres.QueryAsync(settings, "UPDATE charging_request SET secrets = NULL WHERE seq = 3");
        var reports = new List<(RequestId Id, string Damage)>();
        await using var reopened = new PostgresJournal(
            settings,
            TimeProvider.System,
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
        Assert.Equal(
            4L,
            await SharedPostgres.QueryAsync(settings, "SELECT count(*) FROM charging_request WHERE settled_at IS NULL")
        );
        Assert.True(reopened.Status.IsAvailable);
    }

    [Fact]
    public async Task DamagedDeadLetter_IsNotRedriven_AndStaysAsItIs()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var journal = await SharedPostgres.OpenAsync(settings);
        var request = Sample.Request(acceptedAt: TimeProvider.System.GetUtcNow());
        await journal.AcceptAsync(request, idempotency: null, default);
        await journal.SettleAsync(
            request.Id,
            new(RequestState.Failed, TimeProvider.System.GetUtcNow(), LastAttempt: null),
            default
        );
        await SharedPostgres.QueryAsync(
            settings,
            "UPDATE charging_request SET secrets = set_byte(secrets, 30, 255 - get_byte(secrets, 30))"
        );

        Assert.Equal(
            RedriveOutcome.Damaged,
            (await journal.RedriveAsync(request.Id, TimeProvider.System.GetUtcNow(), default)).Outcome
        );

        Assert.Equal(RequestState.Failed, (await journal.FindAsync(request.Id, default))!.State);
        Assert.Equal(DiscardOutcome.Discarded, await journal.DiscardAsync(request.Id, default));
    }

    [Fact]
    public async Task IdempotencyKeyAndDecision_StandAfterARestart()
    {
        var settings = await postgres.NewSettingsAsync();
        // its key is young for any clock
        var request = Sample.Request(acceptedAt: DateTimeOffset.UnixEpoch.AddYears(200));
        IdempotencyClaim claim;
        await using (var journal = await SharedPostgres.OpenAsync(settings))
        {
            claim = journal.Hasher.Claim("fleet", "key", "body");
            await journal.AcceptAsync(request, claim, default);
            await journal.DecideAsync(request.Id, Sample.Decision(), default);
        }

        await using var reopened = await SharedPostgres.OpenAsync(settings);

        Assert.Equal(claim, reopened.Hasher.Claim("fleet", "key", "body"));
        Assert.Equal(
            new AcceptResult(AcceptOutcome.Replayed, request.Id),
            await reopened.AcceptAsync(Sample.Request(), claim, default)
        );
        Assert.Equal(
            Sample.Decision(),
            await reopened.DecideAsync(request.Id, Sample.Decision(Sample.Now.AddMinutes(1)), default)
        );
    }

    [Fact]
    public async Task SecretsAreErased_UnlessTheRequestFailed()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var journal = await SharedPostgres.OpenAsync(settings, new FakeTimeProvider(Sample.Now));
        foreach (var state in new[] { RequestState.Delivered, RequestState.Expired, RequestState.Failed })
        {
            var request = Sample.Request();
            await journal.AcceptAsync(request, idempotency: null, default);
            await journal.SettleAsync(request.Id, new(state, Sample.Now, LastAttempt: null), default);
        }

        Assert.Equal(
            "failed",
            await SharedPostgres.QueryAsync(
                settings,
                "SELECT string_agg(state, ',') FROM charging_request WHERE secrets IS NOT NULL"
            )
        );
    }

    [Fact]
    public async Task AttemptThatIsWrittenAgain_CountsOnce()
    {
        await using var journal = await SharedPostgres.OpenAsync(await postgres.NewSettingsAsync());
        var request = Sample.Request();
        await journal.AcceptAsync(request, idempotency: null, default);

        await journal.RecordAttemptAsync(request.Id, Sample.Attempt(), default);
        await journal.RecordAttemptAsync(request.Id, Sample.Attempt(), default);
        await journal.RecordAttemptAsync(request.Id, Sample.Attempt(at: Sample.Now.AddSeconds(1)), default);

        Assert.Equal(2, (await journal.FindAsync(request.Id, default))!.Attempts.Count);
    }

    [Fact]
    public async Task WritesOfOneRequestThatNobodyAwaits_KeepTheirOrder()
    {
        await using var journal = await SharedPostgres.OpenAsync(
            await postgres.NewSettingsAsync(),
            new FakeTimeProvider(Sample.Now)
        );
        var request = Sample.Request();
        var attempts = Enumerable.Range(0, 20).Select(i => Sample.Attempt(at: Sample.Now.AddSeconds(i))).ToList();

        List<Task> writes =
        [
            journal.AcceptAsync(request, idempotency: null, default).AsTask(),
            journal.DecideAsync(request.Id, Sample.Decision(), default).AsTask(),
        ];
        writes.AddRange(attempts.Select(attempt => journal.RecordAttemptAsync(request.Id, attempt, default).AsTask()));
        writes.Add(
            journal.SettleAsync(request.Id, new(RequestState.Failed, Sample.Now, LastAttempt: null), default).AsTask()
        );
        await Task.WhenAll(writes);

        var found = await journal.FindAsync(request.Id, default);
        Assert.Equal((RequestState.Failed, Sample.Decision()), (found!.State, found.Decision));
        Assert.Equal(attempts, found.Attempts);
    }

    [Fact]
    public async Task NewerSchema_RefusesTheStart()
    {
        var settings = await postgres.NewSettingsAsync();
        await (await SharedPostgres.OpenAsync(settings)).DisposeAsync();
        await SharedPostgres.QueryAsync(
            settings,
            "UPDATE charging_meta SET value = '\\x09000000' WHERE name = 'version'"
        );

        await using var journal = new PostgresJournal(settings, TimeProvider.System);
        var refused = await Assert.ThrowsAsync<InvalidJournalException>(() => journal.StartAsync(default));

        Assert.Contains("schema version 9", refused.Message, StringComparison.Ordinal);
        Assert.Same(refused, await journal.Invalid);
        Assert.Equal((false, refused.Message), (journal.Status.IsAvailable, journal.Status.Problem));
        await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await journal.DecideAsync(Sample.Request().Id, Sample.Decision(), default)
        );
    }

    [Theory]
    [InlineData("DELETE FROM charging_meta WHERE name = 'version'", "its version is missing")]
    [InlineData("DELETE FROM charging_meta WHERE name = 'hash_secret'", "its hash secret is missing")]
    [InlineData(
        "UPDATE charging_meta SET value = set_byte(value, 25, 255 - get_byte(value, 25)) WHERE name = 'hash_secret'",
        "was changed"
    )]
    public async Task DamagedJournal_RefusesTheStart(string damage, string message)
    {
        var settings = await postgres.NewSettingsAsync();
        await (await SharedPostgres.OpenAsync(settings)).DisposeAsync();
        await SharedPostgres.QueryAsync(settings, damage);

        var refused = await Assert.ThrowsAsync<InvalidJournalException>(() => SharedPostgres.OpenAsync(settings));

        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WrongKey_RefusesTheStart_AlsoWhileAnotherProcessOwnsTheJournal()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var owner = await SharedPostgres.OpenAsync(settings);

        var refused = await Assert.ThrowsAsync<InvalidJournalException>(() =>
            SharedPostgres.OpenAsync(settings with { EncryptionKeys = [EncryptionKey.Generate()] })
        );

        Assert.Contains("not among the configured keys", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rotation_ReadsWithBothKeys_AndLetsTheOldOneGoWhenNoRowNeedsIt()
    {
        var old = await postgres.NewSettingsAsync();
        var request = Sample.Request();
        await using (var journal = await SharedPostgres.OpenAsync(old))
            await journal.AcceptAsync(request, idempotency: null, default);
        var young = old with { EncryptionKeys = [EncryptionKey.Generate()] };

        await using (
            var both = await SharedPostgres.OpenAsync(
                young with
                {
                    EncryptionKeys = [.. young.EncryptionKeys, .. old.EncryptionKeys],
                }
            )
        )
            Assert.Equal(request.Token, (await both.ReadUnsettledAsync(default).SingleAsync()).Request.Token);
        var refused = await Assert.ThrowsAsync<InvalidJournalException>(() => SharedPostgres.OpenAsync(young));
        Assert.Contains("is no longer configured", refused.Message, StringComparison.Ordinal);
        await using (
            var both = await SharedPostgres.OpenAsync(
                young with
                {
                    EncryptionKeys = [.. young.EncryptionKeys, .. old.EncryptionKeys],
                }
            )
        )
            await both.SettleAsync(request.Id, new(RequestState.Delivered, Sample.Now, LastAttempt: null), default);

        await using var alone = await SharedPostgres.OpenAsync(young);
        Assert.True(alone.Status.IsAvailable);
    }

    [Fact]
    public async Task NoKey_IsRefused()
    {
        var settings = (await postgres.NewSettingsAsync()) with { EncryptionKeys = [] };

        Assert.Contains(
            "needs a key",
            Assert.Throws<InvalidJournalException>(() => new PostgresJournal(settings, TimeProvider.System)).Message,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("Host=127.0.0.1;Port=canary;Password=canary")]
    [InlineData("Host=127.0.0.1;canary=1;Password=canary")]
    [InlineData("Username=a;Password=canary")]
    [InlineData("Host=;Password=canary")]
    [InlineData("Host=127.0.0.1;Minimum Pool Size=9;Password=canary")]
    public void ConnectionStringThatCannotBeRead_IsRefused_WithoutQuotingIt(string connectionString)
    {
        var refused = Assert.Throws<InvalidJournalException>(() =>
            new PostgresJournal(SharedPostgres.Settings(connectionString), TimeProvider.System)
        );

        Assert.DoesNotContain("canary", refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task BeforeItsStart_NothingIsTaken()
    {
        await using var journal = new PostgresJournal(await postgres.NewSettingsAsync(), TimeProvider.System);

        Assert.False(journal.Status.IsAvailable);
        Assert.False(journal.Invalid.IsCompleted);
        Assert.Throws<JournalUnavailableException>(() => journal.Hasher);
        await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await journal.AcceptAsync(Sample.Request(), idempotency: null, default)
        );
        await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await journal.SettleAsync(Sample.Request().Id, new(RequestState.Failed, Sample.Now, null), default)
        );
        await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await journal.ReadUnsettledAsync(default).ToListAsync()
        );
    }

    /// <summary>The start looks for rows under a key that is no longer configured, with little time.</summary>
    [Fact]
    public async Task SearchForTheRowsOfAKey_ReadsOnlyRowsWithSecrets()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var journal = await SharedPostgres.OpenAsync(settings);
        await Task.WhenAll(
            Enumerable
                .Range(0, 500)
                .Select(_ => journal.AcceptAsync(Sample.Request(), idempotency: null, default).AsTask())
        );
        await SharedPostgres.QueryAsync(
            settings,
            "UPDATE charging_request SET settled_at = seq, state = 'delivered', secrets = NULL WHERE seq > 10"
        );
        await SharedPostgres.QueryAsync(settings, "ANALYZE charging_request");

        var plan = (string)
            (
                await SharedPostgres.QueryAsync(
                    settings,
                    "SET enable_seqscan = off; EXPLAIN (FORMAT JSON) "
                        + PostgresSchema.NeedsKey.Replace("$1", "'key'", StringComparison.Ordinal)
                )
            )!;

        Assert.DoesNotContain("Seq Scan", plan, StringComparison.Ordinal);
        Assert.Contains("charging_request_unsettled_lane", plan, StringComparison.Ordinal);
        Assert.Matches("charging_request_(leaving_)?dead", plan);
    }

    [Fact]
    public async Task Retention_DeletesSettledRowsAndOldKeys_ButNothingPending()
    {
        var settings = (await postgres.NewSettingsAsync()) with { RetentionHours = 1, MaxSettledRows = 3 };
        var time = new FakeTimeProvider(Sample.Now);
        var before = await SharedPostgres.OpenAsync(settings, time);
        for (var i = 0; i < 1_500; i++)
            _ = before.AcceptAsync(Sample.Request(acceptedAt: Sample.Now), new($"key-{i}", "body"), default).AsTask();
        var pending = Sample.Request(acceptedAt: Sample.Now);
        await before.AcceptAsync(pending, idempotency: null, default);
        await SharedPostgres.QueryAsync(
            settings,
            "UPDATE charging_request SET settled_at = accepted_at + seq, state = 'delivered', secrets = NULL "
                + "WHERE seq <= 1490"
        );
        await before.DisposeAsync();
        await using var journal = await SharedPostgres.OpenAsync(settings, time); // counts what was settled by hand
        var ids = Enumerable.Range(0, 5).Select(_ => Sample.Request(acceptedAt: Sample.Now)).ToList();
        foreach (var request in ids)
        {
            await journal.AcceptAsync(request, idempotency: null, default);
            await journal.SettleAsync(
                request.Id,
                new(RequestState.Delivered, Sample.Now.AddMinutes(1), LastAttempt: null),
                default
            );
        }

        await EventuallyAsync(settings, "SELECT count(*) FROM charging_request WHERE settled_at IS NOT NULL", 3);
        time.Advance(TimeSpan.FromHours(24));

        await EventuallyAsync(settings, "SELECT count(*) FROM charging_request WHERE settled_at IS NOT NULL", 0);
        await EventuallyAsync(settings, "SELECT count(*) FROM charging_idempotency", 0);
        Assert.Equal(RequestState.Queued, (await journal.FindAsync(pending.Id, default))!.State);
        Assert.Equal(11L, await SharedPostgres.QueryAsync(settings, "SELECT count(*) FROM charging_request"));
    }

    [Fact]
    public async Task UnknownStateOfARequestThatIsDeletedEarly_DoesNotEndRetention()
    {
        var settings = (await postgres.NewSettingsAsync()) with { MaxSettledRows = 1 };
        await using var journal = await SharedPostgres.OpenAsync(settings);
        await ExpireAsync();
        await SharedPostgres.QueryAsync(settings, "UPDATE charging_request SET state = 'x'");

        await Eventually.HoldsAsync(
            async () =>
            {
                await ExpireAsync();
                return journal.Status.EarlyDeletions is { Failed: 1, Expired: > 0 };
            },
            "that one and later ones are deleted"
        );

        async Task ExpireAsync()
        {
            var at = TimeProvider.System.GetUtcNow();
            var request = Sample.Request(acceptedAt: at);
            await journal.AcceptAsync(request, idempotency: null, default);
            await journal.SettleAsync(request.Id, new(RequestState.Expired, at, LastAttempt: null), default);
        }
    }

    [Fact]
    public async Task ClockDaysAhead_DeletesOnlyWhatIsOldByTheTimeThatElapsed()
    {
        var settings = await postgres.NewSettingsAsync();
        var time = new SteppingTime();
        await using var journal = await SharedPostgres.OpenAsync(settings, time);
        await FailAsync();
        time.Advance(TimeSpan.FromHours(25));
        var young = await FailAsync();

        time.Step = TimeSpan.FromDays(3);

        await EventuallyAsync(settings, "SELECT count(*) FROM charging_request", 1);
        Assert.NotNull(await journal.FindAsync(young, default));

        async Task<RequestId> FailAsync()
        {
            var request = Sample.Request(acceptedAt: time.GetUtcNow());
            await journal.AcceptAsync(request, idempotency: null, default);
            await journal.SettleAsync(
                request.Id,
                new(RequestState.Failed, time.GetUtcNow(), LastAttempt: null),
                default
            );
            return request.Id;
        }
    }

    [Theory]
    [InlineData("same", 20, 1)]
    [InlineData("other", 20, 21)]
    [InlineData("other", -60, 0)]
    public async Task RequestOfAnEarlierProcess_HasTheAgeThatIsPlausible(string boot, int stepMinutes, int age)
    {
        var settings = await postgres.NewSettingsAsync();
        var time = new SteppingTime { Boot = "same" };
        await using (var first = await SharedPostgres.OpenAsync(settings, time))
        {
            await first.AcceptAsync(Sample.Request(acceptedAt: time.GetUtcNow()), idempotency: null, default);
            await EventuallyAsync(settings, "SELECT count(*) FROM charging_meta WHERE name = 'clock'", 1);
        }

        time.Advance(TimeSpan.FromMinutes(1));
        (time.Boot, time.Step) = (boot, TimeSpan.FromMinutes(stepMinutes));
        await using var second = await SharedPostgres.OpenAsync(settings, time);

        var found = Assert.Single(await second.ReadUnsettledAsync(default).ToListAsync());
        Assert.Equal(age, time.GetElapsedTime(found.Since!.Value).TotalMinutes, 0.1);
    }

    /// <summary>The clock is stored with the row: no moment is between them in which the process could end.</summary>
    [Theory]
    [InlineData(-60)]
    [InlineData(90)]
    public async Task RequestAcceptedRightAfterTheClockWasSet_HasItsAge_WhenTheProcessEndsAtOnce(int stepMinutes)
    {
        var settings = await postgres.NewSettingsAsync();
        var time = new SteppingTime { Boot = "same" };
        await using (var first = await SharedPostgres.OpenAsync(settings, time))
        {
            await first.AcceptAsync(Sample.Request(acceptedAt: time.GetUtcNow()), idempotency: null, default);
            time.Step = TimeSpan.FromMinutes(stepMinutes);
            await first.AcceptAsync(Sample.Request(acceptedAt: time.GetUtcNow()), idempotency: null, default);
        }

        time.Advance(TimeSpan.FromMinutes(1));
        time.Step = TimeSpan.FromMinutes(180);
        await using var second = await SharedPostgres.OpenAsync(settings, time);

        Assert.Equal(
            [1, 1],
            (await second.ReadUnsettledAsync(default).ToListAsync()).Select(found =>
                time.GetElapsedTime(found.Since!.Value).TotalMinutes
            ),
            (expected, actual) => Math.Abs(expected - actual) < 0.1
        );
    }

    /// <summary>The real clocks: this machine's and the database's.</summary>
    [Fact]
    public async Task DatabaseOfASteadyMachine_VouchesForTheTimeBetweenTwoProcesses()
    {
        var settings = await postgres.NewSettingsAsync();
        await using (var first = await SharedPostgres.OpenAsync(settings))
        {
            await first.AcceptAsync(
                Sample.Request(acceptedAt: TimeProvider.System.GetUtcNow()),
                idempotency: null,
                default
            );
            await EventuallyAsync(
                settings,
                "SELECT count(*) FROM charging_meta WHERE name = 'clock' AND convert_from(value, 'UTF8') LIKE "
                    + "'% postgres/%'",
                1
            );
        }

        await using var second = await SharedPostgres.OpenAsync(settings);

        var found = Assert.Single(await second.ReadUnsettledAsync(default).ToListAsync());
        Assert.InRange(TimeProvider.System.GetElapsedTime(found.Since!.Value), TimeSpan.Zero, TimeSpan.FromMinutes(2));
    }

    [Fact]
    [Trait("Category", "Performance")]
    public async Task ManyCallers_AreAcknowledgedInGroups_AndReadBackInPages()
    {
        const int callers = 256;
        const int each = 80;
        var settings = await postgres.NewSettingsAsync();
        var started = Stopwatch.GetTimestamp();
        await using (var journal = await SharedPostgres.OpenAsync(settings))
        {
            await Task.WhenAll(
                Enumerable
                    .Range(0, callers)
                    .Select(async _ =>
                    {
                        for (var i = 0; i < each; i++)
                            await journal.AcceptAsync(Sample.Request(), idempotency: null, default);
                    })
            );
            output.WriteLine(
                $"{callers * each / Stopwatch.GetElapsedTime(started).TotalSeconds:n0} acknowledged a second by "
                    + $"{callers} callers"
            );
        }

        await using var reopened = await SharedPostgres.OpenAsync(settings);
        started = Stopwatch.GetTimestamp();
        var found = await reopened.ReadUnsettledAsync(default).CountAsync();
        output.WriteLine($"{found / Stopwatch.GetElapsedTime(started).TotalSeconds:n0} read a second");

        Assert.Equal(callers * each, found);
    }

    [Fact]
    [Trait("Category", "Performance")]
    public async Task AMillionSettledRows_DoNotSlowDownAccepting()
    {
        const int Samples = 500;
        var (fullSettings, emptySettings) = (await postgres.NewSettingsAsync(), await postgres.NewSettingsAsync());
        await (await SharedPostgres.OpenAsync(fullSettings)).DisposeAsync();
        for (var part = 0; part < 10; part++)
        {
            await SharedPostgres.QueryAsync(
                fullSettings,
                $"""
                INSERT INTO charging_request (
                    id, epoch, station, token_masked, token_fingerprint, destination, accepted_at, expires_at, state, settled_at)
                SELECT gen_random_uuid(), 1, '123e4567-e89b-42d3-a456-426614174000', 'abcd***', '\\x00',
                    'https://a.example:443', 1, 1, 'delivered', {Sample.Now.UtcTicks} + i
                FROM generate_series(1, 100000) i
                """
            );
        }

        // what would follow in the background, in the middle of the measurement
        await SharedPostgres.QueryAsync(fullSettings, "VACUUM ANALYZE charging_request");
        await SharedPostgres.QueryAsync(fullSettings, "CHECKPOINT");
        var time = new FakeTimeProvider(Sample.Now);
        await using var full = await SharedPostgres.OpenAsync(fullSettings, time);
        await using var empty = await SharedPostgres.OpenAsync(emptySettings, time);
        var (fullTimes, emptyTimes) = (new List<double>(), new List<double>());
        for (var i = 0; i < Samples; i++)
        {
            fullTimes.Add(await TimeAsync(full));
            emptyTimes.Add(await TimeAsync(empty));
        }

        var ratio = Median(fullTimes) / Median(emptyTimes);
        output.WriteLine(
            $"accept with a million settled rows: median {Median(fullTimes):f3} ms, empty "
                + $"{Median(emptyTimes):f3} ms, ratio {ratio:f2}"
        );
        Assert.InRange(ratio, 0, 1.5);

        static double Median(List<double> times) => times.Order().ElementAt(times.Count / 2);

        static async Task<double> TimeAsync(PostgresJournal journal)
        {
            var started = Stopwatch.GetTimestamp();
            await journal.AcceptAsync(Sample.Request(), idempotency: null, default);
            return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        }
    }

    private static async Task EventuallyAsync(JournalSettings settings, string sql, long expected)
    {
        object? found = null;
        var until = Stopwatch.GetTimestamp() + (20 * Stopwatch.Frequency);
        while (
            Stopwatch.GetTimestamp() < until
            && !Equals(found = await SharedPostgres.QueryAsync(settings, sql), expected)
        )
            await Task.Delay(20);
        Assert.Equal(expected, found);
    }
}
