using System.Text;
using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Postgres;
using AkkaCharging.Tests.Pipeline;
using Npgsql;

namespace AkkaCharging.Tests.Journal.Postgres;

/// <summary>A server that these tests may kill.</summary>
public sealed class KillablePostgres : IAsyncLifetime
{
    internal PostgresServer Server { get; private set; } = null!;

    public async Task InitializeAsync() => Server = await PostgresServer.StartNewAsync();

    public Task DisposeAsync() => Server.DisposeAsync().AsTask();
}

[Trait("Category", "Component")]
[Collection(OnePostgres.Name)]
public sealed class PostgresFaultTests(KillablePostgres killable) : IClassFixture<KillablePostgres>
{
    private const string Canary = "canary-of-the-journal";
    private readonly PostgresServer _server = killable.Server;

    [Fact]
    public async Task ServerThatIsKilledUnderLoad_LosesNothingThatWasAcknowledged_AndKeepsNothingThatWasRefused()
    {
        var settings = await NewSettingsAsync();
        await using var journal = await SharedPostgres.OpenAsync(settings);
        using var load = new AcceptLoad(journal, callers: 16);

        await load.WaitForMoreAsync();
        await _server.KillAsync();
        await Eventually.HoldsAsync(() => load.Refused > 0 && !journal.Status.IsAvailable, "requests are refused");
        await _server.StartAsync();
        await load.WaitForMoreAsync();

        await load.StopAndVerifyAsync(settings);
    }

    [Fact]
    public async Task ServerThatIsAwayAtTheStart_IsWaitedFor()
    {
        var settings = await NewSettingsAsync();
        await _server.KillAsync();
        await using var journal = await SharedPostgres.OpenAsync(settings);

        Assert.Equal((false, "The database cannot be reached."), (journal.Status.IsAvailable, journal.Status.Problem));
        await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await journal.FindAsync(Sample.Request().Id, default)
        );
        await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await journal.AcceptAsync(Sample.Request(), idempotency: null, default)
        );
        var reading = journal.ReadUnsettledAsync(default).ToListAsync();

        await _server.StartAsync();
        Assert.Empty(await reading);
        Assert.Equal(
            AcceptOutcome.Accepted,
            (await journal.AcceptAsync(Sample.Request(), idempotency: null, default)).Outcome
        );
    }

    [Fact]
    public async Task WrongPassword_IsAProblemWithoutTheConnectionString()
    {
        var settings = await NewSettingsAsync();
        await using var journal = await SharedPostgres.OpenAsync(
            settings with
            {
                ConnectionString = new NpgsqlConnectionStringBuilder(settings.ConnectionString)
                {
                    Password = Canary,
                }.ConnectionString,
            }
        );

        Assert.Equal("The database answered with error 28P01.", journal.Status.Problem);
        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await journal.DecideAsync(Sample.Request().Id, Sample.Decision(), default)
        );
        Assert.DoesNotContain(Canary, refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ConnectionThatIsCut_IsNoticedByAnIdleOwner_AndMadeAgain()
    {
        var settings = await NewSettingsAsync();
        await using var proxy = ProxyTo(settings);
        await using var journal = await SharedPostgres.OpenAsync(PostgresOwnershipTests.Through(proxy, settings));

        proxy.Cut();
        await Eventually.HoldsAsync(() => !journal.Status.IsAvailable, "the owner notices");
        proxy.Restore();
        await Eventually.HoldsAsync(() => journal.Status.IsAvailable, "the owner is back");

        Assert.Equal(0, journal.Status.Backlog);
        Assert.Equal(
            AcceptOutcome.Accepted,
            (await journal.AcceptAsync(Sample.Request(), idempotency: null, default)).Outcome
        );
    }

    [Fact]
    public async Task CommitThatGetsThroughAfterItsCallerWasRefused_IsTakenBack_WithItsIdempotencyKey()
    {
        var settings = await NewSettingsAsync();
        await using var proxy = ProxyTo(settings);
        await using var journal = await SharedPostgres.OpenAsync(PostgresOwnershipTests.Through(proxy, settings));
        var (kept, refused) = (Sample.Request(), Sample.Request(acceptedAt: TimeProvider.System.GetUtcNow()));
        await journal.AcceptAsync(kept, idempotency: null, default);

        proxy.Freeze();
        await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await journal.AcceptAsync(refused, new("key", "body"), default)
        );
        Assert.Equal("The database did not answer in time.", journal.Status.Problem);
        proxy.Restore();
        await Eventually.HoldsAsync(() => journal.Status.IsAvailable, "the owner is back");

        // it did get through
        Assert.Equal(2L, await SharedPostgres.QueryAsync(settings, "SELECT last_value FROM charging_request_seq_seq"));
        Assert.Null(await journal.FindAsync(refused.Id, default));
        Assert.NotNull(await journal.FindAsync(kept.Id, default));
        Assert.Equal(
            AcceptOutcome.Accepted,
            (await journal.AcceptAsync(Sample.Request(), new("key", "other body"), default)).Outcome
        );
    }

    [Fact]
    public async Task RedriveThatGetsThroughAfterItsCallerWasRefused_IsADeadLetterAgain()
    {
        var settings = await NewSettingsAsync();
        await using var proxy = ProxyTo(settings);
        await using var journal = await SharedPostgres.OpenAsync(PostgresOwnershipTests.Through(proxy, settings));
        var (now, request) = (
            TimeProvider.System.GetUtcNow(),
            Sample.Request(acceptedAt: TimeProvider.System.GetUtcNow())
        );
        await journal.AcceptAsync(request, idempotency: null, default);
        await journal.DecideAsync(request.Id, Sample.Decision(), default);
        await journal.SettleAsync(request.Id, new(RequestState.Failed, now, Sample.Attempt()), default);

        // The row is locked until its caller was refused; then the redrive gets through to a server that does not
        // notice that its client has gone.
        await using var other = new NpgsqlConnection(settings.ConnectionString);
        await other.OpenAsync();
        await using var locked = await other.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand("SELECT 1 FROM charging_request FOR UPDATE", other))
            await command.ExecuteNonQueryAsync();
        var redriving = journal.RedriveAsync(request.Id, now.AddMinutes(1), default).AsTask();
        await Eventually.HoldsAsync(
            async () =>
                (long)(await SharedPostgres.QueryAsync(settings, "SELECT count(*) FROM pg_locks WHERE NOT granted"))!
                > 0,
            "the redrive waits"
        );
        proxy.Freeze();
        await locked.RollbackAsync();
        await Eventually.HoldsAsync(
            async () =>
                (string)(await SharedPostgres.QueryAsync(settings, "SELECT state FROM charging_request"))! == "decided",
            "the redrive got through"
        );
        await Assert.ThrowsAsync<JournalUnavailableException>(() => redriving);
        proxy.Restore();
        await Eventually.HoldsAsync(() => journal.Status.IsAvailable, "the owner is back");

        var found = await journal.FindAsync(request.Id, default);
        Assert.Equal((RequestState.Failed, now), (found!.State, found.SettledAt));
        Assert.Equal(
            request.Id,
            Assert.Single((await journal.ListDeadLettersAsync(new(), after: null, most: 10, default)).Letters).Id
        );
        Assert.Equal(
            RedriveOutcome.Redriven,
            (await journal.RedriveAsync(request.Id, now.AddMinutes(2), default)).Outcome
        );
    }

    [Fact]
    public async Task SlowDatabase_SharesItsCommits()
    {
        var settings = await NewSettingsAsync();
        await using var proxy = ProxyTo(settings);
        await using var journal = await SharedPostgres.OpenAsync(PostgresOwnershipTests.Through(proxy, settings));
        var before = (long)(await SharedPostgres.QueryAsync(settings, Commits))!;

        proxy.Delay(TimeSpan.FromMilliseconds(200));
        await Task.WhenAll(
            Enumerable
                .Range(0, 200)
                .Select(_ => journal.AcceptAsync(Sample.Request(), idempotency: null, default).AsTask())
        );

        Assert.True(journal.Status.IsAvailable);
        Assert.InRange((long)(await SharedPostgres.QueryAsync(settings, Commits))! - before, 1, 20);
    }

    [Fact]
    public async Task DataDirectory_HoldsNoTokenAndNoUrlInClear()
    {
        var settings = await NewSettingsAsync();
        await using var journal = await SharedPostgres.OpenAsync(settings);
        var request = Sample.Request($"http://127.0.0.1:8080/{Canary}", token: Canary);
        await journal.AcceptAsync(request, idempotency: null, default);
        await SharedPostgres.QueryAsync(settings, "CHECKPOINT");
        Assert.Equal((true, false), (Holds("cana***"), Holds(Canary)));

        await journal.DecideAsync(request.Id, Sample.Decision(), default);
        await journal.SettleAsync(request.Id, new(RequestState.Delivered, Sample.Now, Sample.Attempt()), default);
        await SharedPostgres.QueryAsync(settings, "CHECKPOINT");
        Assert.False(Holds(Canary));
    }

    // Transactions that wrote to the table: those of other tests are not among them.
    private static string Commits => "SELECT count(DISTINCT xmin::text) FROM charging_request";

    private bool Holds(string text) =>
        Directory
            .EnumerateFiles(_server.DataDirectory, "*", SearchOption.AllDirectories)
            .Any(file => File.ReadAllBytes(file).AsSpan().IndexOf(Encoding.ASCII.GetBytes(text)) >= 0);

    private static TcpProxy ProxyTo(JournalSettings settings) =>
        TcpProxy.To(new NpgsqlConnectionStringBuilder(settings.ConnectionString).Port);

    private async Task<JournalSettings> NewSettingsAsync()
    {
        var schema = $"test_{Guid.NewGuid():N}";
        var settings = SharedPostgres.Settings(_server.ConnectionString);
        await SharedPostgres.QueryAsync(settings, $"CREATE SCHEMA {schema}");
        return settings with
        {
            ConnectionString = new NpgsqlConnectionStringBuilder(_server.ConnectionString)
            {
                SearchPath = schema,
            }.ConnectionString,
        };
    }
}
