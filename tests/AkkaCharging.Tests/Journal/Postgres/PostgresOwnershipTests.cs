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

[Trait("Category", "Component")]
[Collection(OnePostgres.Name)]
public sealed class PostgresOwnershipTests(SharedPostgres postgres)
{
    [Fact]
    public async Task SecondProcess_WaitsUnavailable_NamesTheOwner_AndTakesOverWhenItEnds()
    {
        var settings = await postgres.NewSettingsAsync();
        var first = await SharedPostgres.OpenAsync(settings);
        var request = Sample.Request();
        await first.AcceptAsync(request, idempotency: null, default);

        await using var second = await SharedPostgres.OpenAsync(settings);
        Assert.False(second.Status.IsAvailable);
        Assert.Contains(
            $"owned by process {Environment.ProcessId} on {Environment.MachineName} since",
            second.Status.Problem,
            StringComparison.Ordinal
        );
        await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await second.SettleAsync(request.Id, new(RequestState.Failed, Sample.Now, null), default)
        );
        Assert.Equal(RequestState.Queued, (await second.FindAsync(request.Id, default))!.State);
        var reading = second.ReadUnsettledAsync(default).SingleAsync();

        await first.DisposeAsync();

        Assert.Equal(request.Id, (await reading.AsTask().WaitAsync(Eventually.Patience)).Request.Id);
    }

    [Fact]
    public async Task ProcessThatEndsWhileItWaits_StopsAtOnce()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var owner = await SharedPostgres.OpenAsync(settings);
        var waiting = await SharedPostgres.OpenAsync(settings);

        await waiting.DisposeAsync();

        Assert.True(owner.Status.IsAvailable);
        Assert.False(waiting.Status.IsAvailable);
    }

    [Fact]
    public async Task TwoSchemas_AreTwoJournals()
    {
        await using var first = await SharedPostgres.OpenAsync(await postgres.NewSettingsAsync());
        await using var second = await SharedPostgres.OpenAsync(await postgres.NewSettingsAsync());

        Assert.True(first.Status.IsAvailable && second.Status.IsAvailable);
    }

    /// <summary>
    /// Tables are found along the whole search path, locks are those of its first schema: one journal would have two
    /// owners.
    /// </summary>
    [Fact]
    public async Task JournalBehindAnotherSchema_IsRefused()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var first = await SharedPostgres.OpenAsync(settings);
        var schema = new NpgsqlConnectionStringBuilder(settings.ConnectionString).SearchPath!;
        var empty = new NpgsqlConnectionStringBuilder((await postgres.NewSettingsAsync()).ConnectionString);
        empty.SearchPath = $"{empty.SearchPath},{schema}";

        var refused = await Assert.ThrowsAsync<InvalidJournalException>(() =>
            SharedPostgres.OpenAsync(settings with { ConnectionString = empty.ConnectionString })
        );

        Assert.StartsWith(
            $"The connection finds the journal of the schema {schema} behind another schema of its search path.",
            refused.Message,
            StringComparison.Ordinal
        );
    }

    /// <summary>Counting may fail once, for example because a large backlog is read from a cold disk.</summary>
    [Fact]
    public async Task CountThatFailsOnce_LeavesAJournalThatIsOpenedByTheNextSession()
    {
        var settings = await postgres.NewSettingsAsync();
        var left = Sample.Request();
        await using (var before = await SharedPostgres.OpenAsync(settings))
            await before.AcceptAsync(left, idempotency: null, default);
        await SharedPostgres.QueryAsync(
            settings,
            """
            CREATE SEQUENCE counts;
            CREATE FUNCTION fails_once() RETURNS boolean LANGUAGE plpgsql AS $$
                BEGIN
                    IF nextval('counts') = 1 THEN RAISE EXCEPTION 'once'; END IF;
                    RETURN true;
                END $$;
            ALTER TABLE charging_request RENAME TO all_requests;
            CREATE VIEW charging_request AS SELECT * FROM all_requests WHERE fails_once();
            """
        );

        await using var journal = await SharedPostgres.OpenAsync(settings);
        await Eventually.HoldsAsync(() => journal.Status.IsAvailable, "the next session opens it");

        Assert.NotEqual(1L, await SharedPostgres.QueryAsync(settings, "SELECT last_value FROM counts"));
        Assert.Equal(1, journal.Status.Backlog);
        Assert.Equal(
            [left.Id],
            await journal.ReadUnsettledAsync(default).Select(unsettled => unsettled.Request.Id).ToListAsync()
        );
        Assert.Equal(Sample.Decision(), await journal.DecideAsync(left.Id, Sample.Decision(), default));
    }

    [Fact]
    public async Task OwnerThatLostItsSession_WritesNothingUntilItOwnsTheJournalAgain_AndThenTakesUpWhatTheOtherLeft()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var proxy = TcpProxy.To(new NpgsqlConnectionStringBuilder(settings.ConnectionString).Port);
        await using var first = await SharedPostgres.OpenAsync(Through(proxy, settings));
        Assert.Empty(await first.ReadUnsettledAsync(default).ToListAsync());
        var more = first.WaitForBacklogAsync(default);
        var ofFirst = Sample.Request();
        await first.AcceptAsync(ofFirst, idempotency: null, default);
        var second = await SharedPostgres.OpenAsync(settings);

        proxy.Cut();
        await Eventually.HoldsAsync(() => second.Status.IsAvailable, "the second process takes over");
        await Eventually.HoldsAsync(() => !first.Status.IsAvailable, "the first process notices");
        Assert.Equal(
            [ofFirst.Id],
            await second.ReadUnsettledAsync(default).Select(unsettled => unsettled.Request.Id).ToListAsync()
        );
        var ofSecond = Sample.Request();
        await second.AcceptAsync(ofSecond, idempotency: null, default);
        await second.DecideAsync(ofFirst.Id, Sample.Decision(), default);

        proxy.Restore();
        await Eventually.HoldsAsync(
            () => first.Status.Problem!.Contains("owned by", StringComparison.Ordinal),
            "the first process waits for the lock"
        );
        await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await first.AcceptAsync(Sample.Request(), idempotency: null, default)
        );
        await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await first.SettleAsync(ofFirst.Id, new(RequestState.Failed, Sample.Now, null), default)
        );
        Assert.Equal(
            2L,
            await SharedPostgres.QueryAsync(settings, "SELECT count(*) FROM charging_request WHERE settled_at IS NULL")
        );

        Assert.False(more.IsCompleted);
        await second.DisposeAsync();
        await Eventually.HoldsAsync(() => first.Status.IsAvailable, "the first process owns the journal again");
        await more.WaitAsync(Eventually.Patience);
        Assert.Equal(1, first.Status.Backlog);
        Assert.Equal(
            [ofSecond.Id],
            await first.ReadUnsettledAsync(default).Select(unsettled => unsettled.Request.Id).ToListAsync()
        );
        Assert.Equal(
            Sample.Decision(),
            await first.DecideAsync(ofFirst.Id, Sample.Decision(Sample.Now.AddSeconds(1)), default)
        );
    }

    [Fact]
    public async Task LetterThatAnotherOwnerRedrove_IsTakenUpByWhoeverAcceptedItOnce_WhenThatOneOwnsTheJournalAgain()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var proxy = TcpProxy.To(new NpgsqlConnectionStringBuilder(settings.ConnectionString).Port);
        await using var first = await SharedPostgres.OpenAsync(Through(proxy, settings));
        var (now, request) = (
            TimeProvider.System.GetUtcNow(),
            Sample.Request(acceptedAt: TimeProvider.System.GetUtcNow())
        );
        await first.AcceptAsync(request, idempotency: null, default);
        await first.DecideAsync(request.Id, Sample.Decision(), default);
        await first.SettleAsync(request.Id, new(RequestState.Failed, now, Sample.Attempt()), default);
        var second = await SharedPostgres.OpenAsync(settings);
        proxy.Cut();
        await Eventually.HoldsAsync(() => second.Status.IsAvailable, "the second process takes over");
        await Eventually.HoldsAsync(() => !first.Status.IsAvailable, "the first process notices");
        Assert.Equal(
            RedriveOutcome.Redriven,
            (await second.RedriveAsync(request.Id, now.AddMinutes(1), default)).Outcome
        );

        await second.DisposeAsync();
        proxy.Restore();
        await Eventually.HoldsAsync(() => first.Status.IsAvailable, "the first process owns the journal again");

        Assert.Equal(1, first.Status.Backlog);
        var found = await first.ReadUnsettledAsync(default).SingleAsync();
        Assert.Equal(
            (request.Id, Sample.Decision(), 0, true),
            (found.Request.Id, found.Decision, found.AttemptsMade, found.IsRedriven)
        );
    }

    [Fact]
    public async Task TerminatedSession_IsReplaced_AndNoAcknowledgedRequestIsLost_NorARefusedOneKept()
    {
        var settings = await postgres.NewSettingsAsync();
        await using var journal = await SharedPostgres.OpenAsync(settings);
        using var load = new AcceptLoad(journal, callers: 16);

        for (var round = 0; round < 3; round++)
        {
            await load.WaitForMoreAsync();
            await SharedPostgres.QueryAsync(settings, TerminateOwner(settings));
            await load.WaitForMoreAsync();
        }

        await load.StopAndVerifyAsync(settings);
    }

    /// <summary>
    /// A process that heard nothing of a commit rejected its caller, who may have repeated the request at the process
    /// that owned the journal in between.
    /// </summary>
    [Fact]
    public async Task RequestInDoubt_ThatTheOwnerInBetweenConfirmed_IsKeptAndResumed_AndAnyOtherIsTakenBack()
    {
        var settings = await postgres.NewSettingsAsync();
        var time = new FakeTimeProvider(Sample.Now);
        var (confirmed, lookedUp, untold) = (Sample.Request(), Sample.Request(), Sample.Request());
        var decided = Sample.Request();
        await using (var first = await SharedPostgres.OpenAsync(settings, time))
        {
            await first.AcceptAsync(confirmed, new("confirmed", "body"), default);
            await first.AcceptAsync(lookedUp, new("looked up", "body"), default);
            await first.AcceptAsync(untold, new("untold", "body"), default);
            await first.AcceptAsync(decided, idempotency: null, default);
        }

        await using (var second = await SharedPostgres.OpenAsync(settings, time))
        {
            await second.AcceptAsync(Sample.Request(), new("confirmed", "body"), default);
            await second.FindAcceptedAsync(new("looked up", "body"), default);
            await second.DecideAsync(decided.Id, Sample.Decision(), default);
        }

        await using (var connections = new PostgresConnections(settings.ConnectionString))
        await using (var session = await PostgresSession.OpenAsync(connections, KeySource.Required(settings), default))
            await session.TakeBackAsync(
                [confirmed.Id.Value, lookedUp.Id.Value, untold.Id.Value, decided.Id.Value],
                lanes: null
            );
        // Also by the process that was in doubt, which passes over its own terms.
        Assert.Equal(0L, await SharedPostgres.QueryAsync(settings, "SELECT max(epoch) FROM charging_request"));
        await using var again = await SharedPostgres.OpenAsync(settings, time);

        Assert.Equal(
            [confirmed.Id, lookedUp.Id, decided.Id],
            await again.ReadUnsettledAsync(default).Select(left => left.Request.Id).ToListAsync()
        );
        Assert.Equal(confirmed.Id, (await again.AcceptAsync(Sample.Request(), new("confirmed", "body"), default)).Id);
        Assert.Equal(
            AcceptOutcome.Accepted,
            (await again.AcceptAsync(Sample.Request(), new("untold", "body"), default)).Outcome
        );
    }

    internal static string TerminateOwner(JournalSettings settings) =>
        $"""
            SELECT count(pg_terminate_backend(pid)) FROM pg_locks
            WHERE locktype = 'advisory' AND granted AND objid::bigint = hashtext('{new NpgsqlConnectionStringBuilder(
                settings.ConnectionString
            ).SearchPath}')::bigint & 4294967295
            """;

    internal static JournalSettings Through(TcpProxy proxy, JournalSettings settings) =>
        settings with
        {
            ConnectionString = new NpgsqlConnectionStringBuilder(settings.ConnectionString)
            {
                Port = proxy.Port,
            }.ConnectionString,
        };
}
