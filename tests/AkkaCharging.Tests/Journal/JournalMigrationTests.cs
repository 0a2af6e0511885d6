using AkkaCharging.Journal;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Postgres;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Journal.Postgres;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Data.Sqlite;

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

    [Fact]
    public async Task DetailsOfADecision_MoveToTheNewKey_AndAreLeftOutWhereTheirsIsGone()
    {
        var now = TimeProvider.System.GetUtcNow();
        var (gone, kept) = (EncryptionKey.Generate(), EncryptionKey.Generate());
        var (old, young) = (Sample.Request(acceptedAt: now), Sample.Request(acceptedAt: now));
        var decision = Sample.Decision() with { Details = new() { Text = "Guthaben aufgebraucht" } };
        await WriteAsync(old, gone);
        await WriteAsync(young, kept, gone);
        var target = await postgres.NewSettingsAsync();

        await MoveAsync(target with { EncryptionKeys = [.. target.EncryptionKeys, kept] });

        await using var journal = await SharedPostgres.OpenAsync(target);
        Assert.Equal(decision, (await journal.FindAsync(young.Id, default))!.Decision);
        Assert.Equal(decision with { Details = null }, (await journal.FindAsync(old.Id, default))!.Decision);

        async Task WriteAsync(ChargingRequest request, params string[] keys)
        {
            await using var file = new SqliteJournal(
                SettingsLoader.Defaults.Journal with
                {
                    Path = File,
                    EncryptionKeys = keys,
                },
                TimeProvider.System
            );
            await file.StartAsync(default);
            await file.AcceptAsync(request, idempotency: null, default);
            await file.DecideAsync(request.Id, decision, default);
            await file.SettleAsync(request.Id, new(RequestState.Delivered, now, Sample.Attempt()), default);
        }
    }

    [Fact]
    public async Task FileThatWasMovedBefore_IsNotMovedAgain()
    {
        await using (var file = await OpenFileAsync())
            await file.AcceptAsync(Sample.Request(), idempotency: null, default);
        var target = await postgres.NewSettingsAsync();
        await MoveAsync(target);
        foreach (var suffix in (string[])["", ".key"])
            System.IO.File.Move(File + ".migrated" + suffix, File + suffix);

        var refused = await Assert.ThrowsAsync<InvalidJournalException>(() => MoveAsync(target));

        Assert.StartsWith("The journal was moved before", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"If {File} was not used since, rename it", refused.Message, StringComparison.Ordinal);
        Assert.True(System.IO.File.Exists(File));
    }

    [Fact]
    public async Task MoveThatFailsHalfway_MovesNothing_AndIsMadeAgain()
    {
        await using (var file = await OpenFileAsync())
        {
            for (var i = 0; i < 3; i++)
                await file.AcceptAsync(Sample.Request(), idempotency: null, default);
        }

        var target = await postgres.NewSettingsAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            MoveAsync(
                target,
                (copied, _) =>
                {
                    if (copied == 2)
                        throw new InvalidOperationException("It is stopped.");
                }
            )
        );

        Assert.Equal(0L, await SharedPostgres.QueryAsync(target, "SELECT count(*) FROM charging_request"));
        Assert.True(System.IO.File.Exists(File));
        Assert.Equal((3, 3), Counts(await MoveAsync(target)));

        static (long, long) Counts(MigrationReport report) => (report.Requests, report.Unsettled);
    }

    [Fact]
    public async Task ConnectionLostDuringTheCommit_IsSaidToBeInDoubt_AndTheCommandCanBeRepeated()
    {
        await using (var file = await OpenFileAsync())
            await file.AcceptAsync(Sample.Request(), idempotency: null, default);
        var target = await postgres.NewSettingsAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            MoveAsync(target, (_, _) => throw new InvalidOperationException("The tables are there."))
        );
        await SharedPostgres.QueryAsync(
            target,
            """
            CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER losing AFTER INSERT ON charging_request DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION lose();
            """
        );

        var unknown = await Assert.ThrowsAsync<JournalUnavailableException>(() => MoveAsync(target));

        Assert.StartsWith("Whether the journal was moved is not known", unknown.Message, StringComparison.Ordinal);
        Assert.True(System.IO.File.Exists(File));
        await SharedPostgres.QueryAsync(target, "DROP FUNCTION lose CASCADE");
        Assert.Equal(1, (await MoveAsync(target)).Requests);
    }

    [Fact]
    public async Task DamagedRequests_AreAllNamed_AndNothingIsMoved_UntilTheyAreGone()
    {
        const string Changed = "The journal is damaged: data encrypted with key ";
        (string Columns, string Damage)[] damages =
        [
            ("secrets = (SELECT secrets FROM request WHERE seq = 1)", Changed),
            ("secrets = x'0102'", "The journal is encrypted with key 0102, which is not among the configured keys"),
            ("details = secrets", Changed),
            ("accepted_at = 'canary'", "The journal is damaged: column accepted_at contains an unexpected value."),
            ("api_key = x'63616e617279'", "The journal is damaged: column api_key contains an unexpected value."),
            ("attempts_made = 9999999999", "A column contains an unexpected value (OverflowException)."),
        ];
        var requests = Enumerable.Range(0, damages.Length + 1).Select(_ => Sample.Request()).ToList();
        await using (var file = await OpenFileAsync())
        {
            foreach (var request in requests)
                await file.AcceptAsync(request, file.Hasher.Claim(null, request.Id.ToString(), "fields"), default);
        }

        await using (var shell = await OpenShellAsync())
        {
            foreach (var (i, damage) in damages.Index())
                SqliteSchema.Run(shell, $"UPDATE request SET {damage.Columns} WHERE seq = {i + 2}");
        }

        var target = await postgres.NewSettingsAsync();
        var named = new List<DamagedRow>();
        var refused = await Assert.ThrowsAsync<InvalidJournalException>(() =>
            MoveAsync(target, damaged: (id, damage) => named.Add(new(id, damage)))
        );

        Assert.StartsWith(
            "Nothing was moved, because 6 of 7 requests are damaged.",
            refused.Message,
            StringComparison.Ordinal
        );
        Assert.Equal(requests.Skip(1).Select(request => request.Id), named.Select(row => row.Id));
        foreach (var (row, (_, damage)) in named.Zip(damages))
        {
            Assert.StartsWith(damage, row.Damage, StringComparison.Ordinal);
            Assert.DoesNotContain("canary", row.Damage, StringComparison.Ordinal);
        }

        Assert.Equal(0L, await SharedPostgres.QueryAsync(target, "SELECT count(*) FROM charging_request"));
        Assert.True(System.IO.File.Exists(File));
        await using (var shell = await OpenShellAsync())
            SqliteSchema.Run(
                shell,
                "DELETE FROM idempotency WHERE id IN (SELECT id FROM request WHERE seq > 1); "
                    + "DELETE FROM request WHERE seq > 1"
            );
        var report = await MoveAsync(target);
        Assert.Equal((1, 1, 1), (report.Requests, report.Unsettled, report.IdempotencyKeys));
    }

    [Fact]
    public async Task DatabaseOfARunningCluster_IsLeftAlone()
    {
        await (await OpenFileAsync()).DisposeAsync();
        var target = await postgres.NewSettingsAsync();
        await using var connections = new PostgresConnections(target.ConnectionString);
        await using var node = await PostgresSession.OpenAsync(connections, KeySource.Required(target), default);
        Assert.True(await node.TryLockAsync(isShared: true));

        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => MoveAsync(target));

        Assert.Contains("stop that process first", refused.Message, StringComparison.Ordinal);
        Assert.True(System.IO.File.Exists(File));
    }

    [Fact]
    public async Task DatabaseThatIsAway_IsUnavailable_AndTheFileIsLeftAlone()
    {
        await (await OpenFileAsync()).DisposeAsync();

        var away = await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            MoveAsync(SharedPostgres.Settings("Host=127.0.0.1;Port=1;Username=u"))
        );

        Assert.Equal("The database cannot be reached.", away.Message);
        Assert.True(System.IO.File.Exists(File));
    }

    /// <summary>Its own key still opens it, for a service with the settings of before.</summary>
    [Fact]
    public async Task FileThatIsNotMoved_StaysUnderItsKey()
    {
        var request = Sample.Request();
        await using (var file = await OpenFileAsync())
            await file.AcceptAsync(request, idempotency: null, default);

        await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            MoveAsync(SharedPostgres.Settings("Host=127.0.0.1;Port=1;Username=u"))
        );

        await using var goesOn = await OpenFileAsync();
        Assert.Equal(RequestState.Queued, (await goesOn.FindAsync(request.Id, default))!.State);
    }

    [Fact]
    public async Task FileThatAnotherProgramHasLocked_IsLeftAlone()
    {
        await (await OpenFileAsync()).DisposeAsync();
        await using var shell = await OpenShellAsync();
        SqliteSchema.Run(shell, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");

        var locked = await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
            await MoveAsync(await postgres.NewSettingsAsync())
        );

        Assert.Contains("is locked by another process", locked.Message, StringComparison.Ordinal);
        Assert.True(System.IO.File.Exists(File));
    }

    [Fact]
    public async Task FileOfVersion1_IsBroughtUpToDate_BeforeItMoves()
    {
        var request = Sample.Request();
        await using (var file = await OpenFileAsync())
            await file.AcceptAsync(request, idempotency: null, default);
        await MakeVersion1Async();
        var target = await postgres.NewSettingsAsync();

        Assert.Equal(1, (await MoveAsync(target)).Requests);

        await using var journal = await SharedPostgres.OpenAsync(target);
        Assert.Equal(RequestState.Queued, (await journal.FindAsync(request.Id, default))!.State);
    }

    private async Task<SqliteConnection> OpenShellAsync()
    {
        var shell = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = File, Pooling = false }.ConnectionString
        );
        await shell.OpenAsync();
        return shell;
    }

    /// <summary>Puts the content of the file into tables of version 1.</summary>
    private async Task MakeVersion1Async()
    {
        System.IO.File.Move(File, File + ".today");
        await using var shell = await OpenShellAsync();
        using var schema = typeof(JournalMigrationTests).Assembly.GetManifestResourceStream("sqlite-v1.sql")!;
        using var text = new StreamReader(schema);
        SqliteSchema.Run(shell, await text.ReadToEndAsync());
        SqliteSchema.Run(shell, $"ATTACH '{File}.today' AS today");
        foreach (var table in (string[])["request", "encryption_key", "meta"])
        {
            using var names = new PreparedQuery(shell, $"SELECT name FROM pragma_table_info('{table}', 'main')");
            var columns = string.Join(", ", names.All(row => row.GetString(0)));
            SqliteSchema.Run(shell, $"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM today.{table}");
        }
    }

    private Task<MigrationReport> MoveAsync(
        JournalSettings target,
        CopyProgress? progress = null,
        DamagedRowReport? damaged = null
    ) =>
        JournalMigration.RunAsync(
            File,
            target,
            TimeProvider.System,
            progress ?? ((_, _) => { }),
            damaged ?? ((id, damage) => Assert.Fail($"{id}: {damage}")),
            default
        );

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
