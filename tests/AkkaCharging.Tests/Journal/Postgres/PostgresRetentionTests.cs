using AkkaCharging.Journal;
using AkkaCharging.Journal.Postgres;
using AkkaCharging.Journal.Retention;
using AkkaCharging.Requests;
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
        var clock = new JournalClock(time, TimeSpan.FromDays(1));
        var retention = new PostgresRetention(
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
            notice: null
        );
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
                "SELECT count(*) = 2 FROM pg_locks WHERE NOT granted AND relation = 'charging_request'::regclass",
                "it waits to count, and the journal's own to delete"
            );
            retention.Add([(new SettledGroup("", AreDeadLetters: false), 1)]);
        }

        await HoldsAsync($"SELECT count(*) = {RowsKept} FROM charging_request", "it has counted");
        await SettleAsync(journal, 10); // of which this count is not told
        time.Advance(TimeSpan.FromMinutes(1));

        await HoldsAsync($"SELECT count(*) = {RowsKept} FROM charging_request", "it has counted again");
        await stopping.CancelAsync();
        await running;

        Task HoldsAsync(string condition, string what) =>
            Eventually.HoldsAsync(async () => await SharedPostgres.QueryAsync(settings, condition) is true, what);
    }

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
