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

/// <summary>Batches of two nodes that change the same rows.</summary>
[Trait("Category", "Component")]
[Collection(OnePostgres.Name)]
public sealed class PostgresBatchTests(SharedPostgres postgres)
{
    /// <summary>One of them is locked until both nodes are in the middle of their batches.</summary>
    [Fact]
    public async Task DeadLettersThatTwoNodesRedriveInOppositeOrders_AreRedrivenByTheFirst_AndNeitherFails()
    {
        var settings = await postgres.NewSettingsAsync();
        var letters = Enumerable.Range(0, 3).Select(_ => Sample.Request()).ToList();
        await FailAsync(settings, letters);
        await using var first = await Node.OpenAsync(settings, lane: 0);
        await using var second = await Node.OpenAsync(settings, lane: 1);
        await using var other = new NpgsqlConnection(settings.ConnectionString);
        await other.OpenAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await other.ExecuteAsync("SELECT 1 FROM charging_request WHERE id = $1 FOR UPDATE", letters[1].Id.Value);

        var ofFirst = first.RedriveAsync(letters);
        await WaitingAsync(1);
        var ofSecond = second.RedriveAsync([letters[2], letters[1], letters[0]]);
        await WaitingAsync(2);
        await transaction.RollbackAsync();

        Assert.Equal([0, 0, 0], await ofFirst);
        Assert.Equal([null, null, null], await ofSecond);

        Task WaitingAsync(int count)
        {
            var condition = $"SELECT count(*) = {count} FROM pg_locks WHERE NOT granted";
            return Eventually.HoldsAsync(
                async () => await SharedPostgres.QueryAsync(settings, condition) is true,
                $"{count} wait for a row"
            );
        }
    }

    /// <summary>Stores dead letters, among so many others that they are found by their ids.</summary>
    private static async Task FailAsync(JournalSettings settings, List<ChargingRequest> letters)
    {
        await using (var journal = await SharedPostgres.OpenAsync(settings, new FakeTimeProvider(Sample.Now)))
        {
            foreach (var letter in letters)
            {
                await journal.AcceptAsync(letter, idempotency: null, default);
                await journal.SettleAsync(letter.Id, new(RequestState.Failed, Sample.Now, LastAttempt: null), default);
            }
        }

        await SharedPostgres.QueryAsync(
            settings,
            """
            INSERT INTO charging_request (
                id, epoch, station, token_masked, token_fingerprint, destination, secrets, accepted_at, expires_at, state, settled_at)
            SELECT gen_random_uuid(), 1, '', '', '', '', '', 1, 1, 'failed', i FROM generate_series(1, 2000) i
            """
        );
        await SharedPostgres.QueryAsync(settings, "ANALYZE charging_request");
    }

    /// <summary>A node of a cluster, whose batches a test makes up.</summary>
    private sealed class Node(
        PostgresConnections connections,
        PostgresSession session,
        PostgresLanes lanes,
        JournalSecrets secrets,
        PostgresClock clock
    ) : IAsyncDisposable
    {
        public static async Task<Node> OpenAsync(JournalSettings settings, int lane)
        {
            var (id, time) = (Guid.NewGuid(), new FakeTimeProvider(Sample.Now));
            var connections = new PostgresConnections(settings.ConnectionString);
            var keys = KeySource.Required(settings);
            var session = await PostgresSession.OpenAsync(connections, keys, default);
            var lanes = new PostgresLanes(count: 2, id, holder: "a test", time, lost: _ => { }, behind: _ => { });
            await lanes.JoinAsync(session.Connection, session);
            await lanes.TakeAsync(session.Connection, lane);
            lanes.SetOpen(lane, isOpen: true);
            return new(
                connections,
                session,
                lanes,
                (await PostgresSchema.CheckAsync(session.Connection, keys))!,
                new PostgresClock(new JournalClock(time, TimeSpan.FromDays(1)), time, id)
            );
        }

        /// <summary>Redrives dead letters in one batch.</summary>
        /// <returns>The lane of each; null for one that was no dead letter any more.</returns>
        public async Task<List<int?>> RedriveAsync(IReadOnlyList<ChargingRequest> letters)
        {
            var batch = new PostgresBatch();
            var writes = letters
                .Select(letter => new RedriveWrite(
                    letter.Id,
                    new Redrive(
                        new UnsettledRequest(letter, Decision: null, AttemptsMade: 0),
                        SettledAt: Sample.Now.UtcTicks,
                        At: Sample.Now.UtcTicks,
                        Attempts: ""
                    )
                ))
                .ToList();
            foreach (var write in writes)
                Assert.True(batch.TryAdd(write));
            await batch.CommitAsync(session.Connection, term: 0, lanes, secrets, Sample.Now, clock);
            return [.. await Task.WhenAll(writes.Select(write => write.Completion))];
        }

        public async ValueTask DisposeAsync()
        {
            await session.DisposeAsync();
            await connections.DisposeAsync();
        }
    }
}
