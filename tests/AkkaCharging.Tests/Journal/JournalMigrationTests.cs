using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Journal.Postgres;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

/// <summary>A journal in a file becomes one in PostgreSQL, and nothing of it is lost or done twice.</summary>
[Trait("Category", "Component")]
[Collection(OnePostgres.Name)]
public sealed class JournalMigrationTests(SharedPostgres postgres) : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("akkacharging-migration-");

    private string File => Path.Combine(_folder.FullName, "journal.db");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task EverythingMoves_AndGoesOnWhereItWas()
    {
        var now = TimeProvider.System.GetUtcNow();
        var (queued, decided, delivered, failed) = (
            Sample.Request(acceptedAt: now),
            Sample.Request(acceptedAt: now),
            Sample.Request(acceptedAt: now),
            Sample.Request(acceptedAt: now)
        );
        byte[] fingerprint;
        await using (var file = await OpenFileAsync())
        {
            await file.AcceptAsync(queued, file.Hasher.Claim(apiKeyName: null, "key", "fields"), default);
            foreach (var request in new[] { decided, delivered, failed })
            {
                await file.AcceptAsync(request, idempotency: null, default);
                await file.DecideAsync(request.Id, Sample.Decision(), default);
                await file.RecordAttemptAsync(request.Id, Sample.Attempt(), default);
            }

            await file.SettleAsync(delivered.Id, new(RequestState.Delivered, now, Sample.Attempt()), default);
            await file.SettleAsync(failed.Id, new(RequestState.Failed, now, Sample.Attempt()), default);
            fingerprint = file.Hasher.Fingerprint(queued.Token);
        }

        var target = await postgres.NewSettingsAsync();
        var progress = new List<(long Copied, long All)>();
        var report = await MoveAsync(target, (copied, all) => progress.Add((copied, all)));

        Assert.Equal(
            (4, 2, 1, File + ".migrated"),
            (report.Requests, report.Unsettled, report.IdempotencyKeys, report.MovedTo)
        );
        Assert.Equal([(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)], progress);
        Assert.Equal(
            ["journal.db.migrated", "journal.db.migrated.key"],
            _folder.EnumerateFiles("*.migrated*").Select(file => file.Name).Order(StringComparer.Ordinal)
        );
        await using var journal = await SharedPostgres.OpenAsync(target);
        var unsettled = await journal.ReadUnsettledAsync(default).ToListAsync();
        Assert.Equal([queued.Id, decided.Id], unsettled.Select(left => left.Request.Id));
        Assert.Equal([null, Sample.Decision()], unsettled.Select(left => left.Decision));
        Assert.Equal([0, 1], unsettled.Select(left => left.AttemptsMade));
        Assert.Equal(queued.Token.Secret, unsettled[0].Request.Token.Secret);
        Assert.Equal(queued.Callback.Text, unsettled[0].Request.Callback.Text);
        Assert.Equal(fingerprint, journal.Hasher.Fingerprint(queued.Token));
        Assert.Equal(
            AcceptOutcome.Replayed,
            (
                await journal.AcceptAsync(
                    Sample.Request(),
                    journal.Hasher.Claim(apiKeyName: null, "key", "fields"),
                    default
                )
            ).Outcome
        );
        Assert.Equal(RequestState.Delivered, (await journal.FindAsync(delivered.Id, default))!.State);
        Assert.Equal(2, (await journal.FindAsync(failed.Id, default))!.Attempts.Count);
        Assert.Equal(RedriveOutcome.Redriven, (await journal.RedriveAsync(failed.Id, now, default)).Outcome);
    }

    [Fact]
    public async Task FileInUse_IsLeftAlone()
    {
        await using var file = await OpenFileAsync();

        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await MoveAsync(await postgres.NewSettingsAsync())
        );

        Assert.Contains($"is in use by process {Environment.ProcessId}", refused.Message, StringComparison.Ordinal);
        Assert.True(System.IO.File.Exists(File));
    }

    [Fact]
    public async Task DatabaseWithAnotherJournal_IsLeftAlone()
    {
        await (await OpenFileAsync()).DisposeAsync();
        var target = await postgres.NewSettingsAsync();
        await (await SharedPostgres.OpenAsync(target)).DisposeAsync();

        var refused = await Assert.ThrowsAsync<InvalidJournalException>(() => MoveAsync(target));

        Assert.Contains("already contains another journal", refused.Message, StringComparison.Ordinal);
        Assert.True(System.IO.File.Exists(File));
    }

    [Fact]
    public async Task DatabaseInUse_IsLeftAlone()
    {
        await (await OpenFileAsync()).DisposeAsync();
        var target = await postgres.NewSettingsAsync();
        await using var owner = await SharedPostgres.OpenAsync(target);

        await Assert.ThrowsAsync<JournalUnavailableException>(() => MoveAsync(target));

        Assert.True(System.IO.File.Exists(File));
    }

    [Theory]
    [InlineData(".migrated")]
    [InlineData(".migrated.key")]
    public async Task NameOfTheRenamedFileTaken_MovesNothing_UntilItIsFree(string taken)
    {
        await (await OpenFileAsync()).DisposeAsync();
        var target = await postgres.NewSettingsAsync();
        await System.IO.File.WriteAllTextAsync(File + taken, "another");

        var refused = await Assert.ThrowsAsync<InvalidJournalException>(() => MoveAsync(target));

        Assert.StartsWith("Nothing was moved", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"{File}{taken} exists", refused.Message, StringComparison.Ordinal);
        System.IO.File.Delete(File + taken);
        Assert.Equal(File + ".migrated", (await MoveAsync(target)).MovedTo);
    }

    [Fact]
    public async Task FileThatCannotBeRenamed_IsReported_WithWhatWasMoved()
    {
        var request = Sample.Request();
        await using (var file = await OpenFileAsync())
            await file.AcceptAsync(request, idempotency: null, default);
        var target = await postgres.NewSettingsAsync();

        var report = await MoveAsync(target, (_, _) => System.IO.File.WriteAllText(File + ".migrated", "another"));

        Assert.Equal((1, null), (report.Requests, report.MovedTo));
        Assert.StartsWith("Everything was moved, but", report.Problem, StringComparison.Ordinal);
        Assert.Contains("Do not start a service on it", report.Problem, StringComparison.Ordinal);
        Assert.True(System.IO.File.Exists(File));
        await using var journal = await SharedPostgres.OpenAsync(target);
        Assert.NotNull(await journal.FindAsync(request.Id, default));
    }

    [Fact]
    public async Task MissingFile_IsAClearError()
    {
        var refused = await Assert.ThrowsAsync<InvalidJournalException>(async () =>
            await MoveAsync(await postgres.NewSettingsAsync())
        );

        Assert.Equal($"There is no journal {File}.", refused.Message);
    }

    private Task<MigrationReport> MoveAsync(JournalSettings target, CopyProgress? progress = null) =>
        JournalMigration.RunAsync(File, target, TimeProvider.System, progress ?? ((_, _) => { }), default);

    private async Task<SqliteJournal> OpenFileAsync()
    {
        var journal = new SqliteJournal(
            SettingsLoader.Defaults.Journal with
            {
                Path = File,
                EncryptionKeys = [],
            },
            TimeProvider.System
        );
        await journal.StartAsync(default);
        return journal;
    }
}
