using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal.Sqlite;

/// <summary>What leaves the table of requests, and how much of it at a time.</summary>
[Trait("Category", "Component")]
public sealed class SqliteStoreTests : IAsyncLifetime
{
    private const int PurgeRowsMax = 200;
    private static readonly DateTimeOffset Old = Sample.Now;
    private readonly JournalFolder _folder = new();

    public Task InitializeAsync()
    {
        File.WriteAllText(_folder.Journal, "");
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _folder.DisposeAsync();

    [Fact]
    public void StepOfRetention_DeletesAFewOfAllGroups_AndTellsWhetherThereIsMore()
    {
        using var store = Open(_folder.Settings);
        Settle(store, "fleet", PurgeRowsMax - 50);
        Settle(store, "roaming", PurgeRowsMax - 50);
        Settle(store, apiKey: null, PurgeRowsMax);
        var left = (3 * PurgeRowsMax) - 100;

        for (; left > PurgeRowsMax; left -= PurgeRowsMax)
        {
            Assert.True(store.Purge(Old, Old));
            Assert.Equal(left - PurgeRowsMax, Count());
        }

        Assert.False(store.Purge(Old, Old));
        Assert.Equal(0, Count());
        Assert.False(store.Purge(Old, Old));
    }

    [Fact]
    public void RequestsThatAreOld_LeaveNoTraceInTheCounts()
    {
        using var store = Open(_folder.Settings with { MaxSettledRows = 10 });
        Settle(store, "fleet", 10);
        Assert.False(store.Purge(Old, Old)); // at the limit, not above it
        Assert.Equal(0, Count());

        Settle(store, "fleet", 10, Old.AddHours(1));
        store.Commit([]);

        Assert.Equal(10, Count());
    }

    [Fact]
    public void MoreThanTheLimit_IsMoreToDelete()
    {
        using (var before = Open(_folder.Settings))
            Settle(before, "fleet", 11);
        using var store = Open(_folder.Settings with { MaxSettledRows = 10 });

        Assert.True(store.Purge(Old.AddHours(-1), Old)); // nothing is old
        store.Commit([]);

        Assert.Equal(10, Count());
        Assert.False(store.Purge(Old.AddHours(-1), Old));
    }

    [Fact]
    public void ExpiredKeys_LeaveAFewAtATime()
    {
        using var store = Open(_folder.Settings);
        Write(
            store,
            PurgeRowsMax + 1,
            (request, row, i) => store.Accept(request.Id, row, new IdempotencyClaim($"key-{i}", "body"), Old)
        );
        var expired = Old + IdempotencyClaim.Retention;

        Assert.True(store.Purge(Old, expired));
        Assert.False(store.Purge(Old, expired));
    }

    private SqliteStore Open(JournalSettings settings) => SqliteStore.Open(settings, _folder.Time);

    private static void Settle(SqliteStore store, string? apiKey, int count, DateTimeOffset? at = null) =>
        Write(
            store,
            count,
            (request, row, _) =>
            {
                store.Accept(request.Id, row with { ApiKeyName = apiKey }, idempotency: null, Old);
                Assert.Equal(1, store.Settle(request.Id, new(RequestState.Delivered, at ?? Old, LastAttempt: null)));
            }
        );

    /// <summary>Writes for each of so many requests, in one transaction.</summary>
    private static void Write(SqliteStore store, int count, Action<ChargingRequest, RequestRow, int> write) =>
        store.Commit([
            new SqliteWrite<int>(
                _ =>
                {
                    for (var i = 0; i < count; i++)
                    {
                        var request = Sample.Request();
                        write(request, RequestRow.Of(request, store.Secrets), i);
                    }

                    return count;
                },
                queuedAt: 0,
                canTimeOut: false
            ),
        ]);

    private long Count()
    {
        using var shell = _folder.Shell();
        return SqliteSchema.Number(shell, "SELECT count(*) FROM request");
    }
}
