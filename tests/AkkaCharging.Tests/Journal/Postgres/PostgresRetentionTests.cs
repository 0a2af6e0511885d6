using System.Collections.Concurrent;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Postgres;
using AkkaCharging.Journal.Retention;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace AkkaCharging.Tests.Journal.Postgres;

/// <summary>What <c>journal.maxSettledRows</c> counts, beside requests that settle.</summary>
[Trait("Category", "Component")]
[Collection(OnePostgres.Name)]
public sealed class PostgresRetentionTests(SharedPostgres postgres)
{
    private const int RowsKept = 3;

    [Fact]
    public async Task CountDuringWhichRequestsSettle_IsRepeatedAMinuteLater()
    {
        var time = new FakeTimeProvider(Sample.Now);
        var settings = await postgres.NewSettingsAsync();
        await using var journal = await SharedPostgres.OpenAsync(settings, time); // keeps all of them
        await SettleAsync(journal, 5);
        await using var connections = NpgsqlDataSource.Create(settings.ConnectionString);
        var retention = Keeping(settings, connections, time);
        using var stopping = new CancellationTokenSource();
        Task running;
        await using (var locking = await connections.OpenConnectionAsync())
        {
            await using var transaction = await locking.BeginTransactionAsync();
            await using (
                var command = new NpgsqlCommand("LOCK TABLE charging_request IN ACCESS EXCLUSIVE MODE", locking)
            )
                await command.ExecuteNonQueryAsync();
            running = retention.RunAsync(() => true, stopping.Token);
            await HoldsAsync(
                settings,
                "SELECT count(*) = 2 FROM pg_locks WHERE NOT granted AND relation = 'charging_request'::regclass",
                "it waits to count, and the journal's own to delete"
            );
            retention.Add([(new SettledGroup("", AreDeadLetters: false), 1)]);
        }

        await HoldsAsync(settings, AreRowsKept, "it has counted");
        await SettleAsync(journal, 10); // of which this count is not told
        time.Advance(TimeSpan.FromMinutes(1));

        await HoldsAsync(settings, AreRowsKept, "it has counted again");
        await stopping.CancelAsync();
        await running;
    }

    [Fact]
    public async Task SettlementsWhoseCommitIsInDoubt_AreCountedAMinuteLater()
    {
        var time = new FakeTimeProvider(Sample.Now);
        var settings = await postgres.NewSettingsAsync();
        await using var journal = await SharedPostgres.OpenAsync(settings, time); // keeps all of them
        await SettleAsync(journal, RowsKept + 1);
        await using var connections = NpgsqlDataSource.Create(settings.ConnectionString);
        var retention = Keeping(settings, connections, time);
        using var stopping = new CancellationTokenSource();
        var running = retention.RunAsync(() => true, stopping.Token);
        await HoldsAsync(settings, AreRowsKept, "it has counted");

        await SettleAsync(journal, 2);
        retention.Add(null);
        time.Advance(TimeSpan.FromMinutes(1));

        await HoldsAsync(settings, AreRowsKept, "it has counted again");
        await stopping.CancelAsync();
        await running;
    }

    [Fact]
    public async Task SessionThatEndsDuringACommit_ReportsThatItsSettlementsAreUnknown()
    {
        var settings = await postgres.NewSettingsAsync();
        var request = Sample.Request();
        await using (var journal = await SharedPostgres.OpenAsync(settings))
            await journal.AcceptAsync(request, idempotency: null, default);
        var settled = new ConcurrentQueue<IReadOnlyList<(SettledGroup Group, int Rows)>?>();
        var (instance, clock) = (Guid.NewGuid(), new JournalClock(TimeProvider.System, TimeSpan.FromDays(1)));
        await using var connections = new PostgresConnections(settings.ConnectionString);
        var writer = new PostgresWriter(
            connections,
            KeySource.Required(settings),
            TimeProvider.System,
            settled.Enqueue,
            termBegan: _ => { },
            committed: null,
            lanes: null,
            node: (instance, clock, new PostgresClock(clock, TimeProvider.System, instance))
        );
        await writer.Opened.WaitAsync(Eventually.Patience);

        await using (var other = new NpgsqlConnection(settings.ConnectionString))
        {
            await other.OpenAsync();
            await using var transaction = await other.BeginTransactionAsync();
            await other.ExecuteAsync("SELECT 1 FROM charging_request FOR UPDATE");
            var settling = writer.WriteAsync(
                new SettleWrite(request.Id, new(RequestState.Delivered, Sample.Now, LastAttempt: null))
            );
            await HoldsAsync(settings, "SELECT count(*) = 1 FROM pg_locks WHERE NOT granted", "the settlement waits");
            await SharedPostgres.QueryAsync(settings, PostgresOwnershipTests.TerminateOwner(settings));
            await Assert.ThrowsAsync<JournalUnavailableException>(() => settling);
        }

        Assert.Null(Assert.Single(settled));
        writer.Stop();
        await writer.Ended;
    }

    [Fact]
    public async Task DeletionThatFailsForAMinute_IsToldOnce_AndSoIsThatItWorksAgain()
    {
        var time = new FakeTimeProvider(Sample.Now);
        var settings = await postgres.NewSettingsAsync();
        await using var journal = await SharedPostgres.OpenAsync(settings, time); // keeps all of them
        await SettleAsync(journal, RowsKept + 1);
        await SharedPostgres.QueryAsync(
            settings,
            """
            CREATE SEQUENCE tries; -- counts what is rolled back, too
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM nextval('tries'); RAISE EXCEPTION 'planted'; END $$;
            CREATE TRIGGER refusing BEFORE DELETE ON charging_request FOR EACH ROW EXECUTE FUNCTION refuse();
            """
        );
        await using var connections = NpgsqlDataSource.Create(settings.ConnectionString);
        var notices = new ConcurrentQueue<string>();
        var retention = Keeping(settings, connections, time, (notice, _) => notices.Enqueue(notice));
        using var stopping = new CancellationTokenSource();
        var running = retention.RunAsync(() => true, stopping.Token);

        await HoldsAsync(settings, "SELECT last_value >= 2 FROM tries", "one try has failed");
        Assert.Empty(notices);
        time.Advance(TimeSpan.FromMinutes(1));
        await Eventually.HoldsAsync(() => !notices.IsEmpty, "the failure is told");
        var tries = await SharedPostgres.QueryAsync(settings, "SELECT last_value FROM tries");
        await HoldsAsync(settings, $"SELECT last_value >= {tries} + 2 FROM tries", "another try has failed");
        Assert.Equal(
            "Old requests could not be deleted for a minute, and the journal grows. This is tried again: The database "
                + "answered with error P0001.",
            Assert.Single(notices)
        );
        await SharedPostgres.QueryAsync(settings, "DROP TRIGGER refusing ON charging_request");
        await Eventually.HoldsAsync(() => notices.Count == 2, "that it works again is told");
        Assert.Equal("Old requests are deleted again.", notices.Last());
        await HoldsAsync(settings, AreRowsKept, "it has deleted");
        await stopping.CancelAsync();
        await running;
    }

    private static string AreRowsKept => $"SELECT count(*) = {RowsKept} FROM charging_request";

    private static PostgresRetention Keeping(
        JournalSettings settings,
        NpgsqlDataSource connections,
        TimeProvider time,
        JournalNotice? notice = null
    )
    {
        var clock = new JournalClock(time, TimeSpan.FromDays(1));
        return new(
            connections,
            settings with
            {
                MaxSettledRows = RowsKept,
            },
            time,
            clock,
            new PostgresClock(clock, time, Guid.NewGuid()),
            new EarlyDeletions(time, notice: null),
            isShared: false,
            notice
        );
    }

    private static Task HoldsAsync(JournalSettings settings, string condition, string what) =>
        Eventually.HoldsAsync(async () => await SharedPostgres.QueryAsync(settings, condition) is true, what);

    private static async Task SettleAsync(PostgresJournal journal, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var request = Sample.Request();
            await journal.AcceptAsync(request, idempotency: null, default);
            await journal.SettleAsync(request.Id, new(RequestState.Delivered, Sample.Now, Sample.Attempt()), default);
        }
    }
}
