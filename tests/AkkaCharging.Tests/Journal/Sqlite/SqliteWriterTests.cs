using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Pipeline;
using AkkaCharging.Tests.Settings;

namespace AkkaCharging.Tests.Journal.Sqlite;

[Trait("Category", "Component")]
// one after another: a process being started (mount) holds copies of open locks for a moment
[Collection("SQLite journal")]
public sealed class SqliteWriterTests : IAsyncLifetime
{
    private readonly JournalFolder _folder = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _folder.DisposeAsync();

    [Fact]
    public async Task Thread_DoesNotKeepTheProcessFromEnding()
    {
        using var writer = new SqliteWriter(_folder.Settings, _folder.Time);
        await writer.Opened;

        Assert.True(await writer.WriteAsync(_ => Thread.CurrentThread.IsBackground));

        await EndAsync(writer);
    }

    [Fact]
    public async Task JournalThatFailed_IsOpenedAgainAfterHalfASecond_WithTheSameSecrets()
    {
        using var writer = new SqliteWriter(_folder.Settings, _folder.Time);
        await writer.Opened;
        var secrets = writer.Secrets;
        for (var write = 0; write < 20; write++)
            await writer.WriteAsync(_ => 0);
        Assert.Equal(0, _folder.Time.Armed);

        await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            writer.WriteAsync<int>(_ => throw new InvalidOperationException("defect"))
        );
        await Eventually.HoldsAsync(() => _folder.Time.Armed > 0, "another try is due");
        _folder.Time.Advance(TimeSpan.FromMilliseconds(500)); // before the next tick

        await Eventually.HoldsAsync(() => writer.Problem is null, "the journal is open");
        Assert.Same(secrets, writer.Secrets);
        await EndAsync(writer);
    }

    /// <summary>
    /// Keys in the file are for the next start. Sealed with one of them, the journal could not be opened by a start
    /// without it.
    /// </summary>
    [Fact]
    public async Task JournalThatFailed_StaysUnderTheKeysOfItsStart()
    {
        var file = Path.Combine(_folder.Root, "keys");
        File.WriteAllText(file, SettingsTable.EncryptionKey);
        var settings = _folder.Settings with { EncryptionKeys = [], EncryptionKeyFile = file };
        using (var writer = new SqliteWriter(settings, _folder.Time))
        {
            await writer.Opened;
            File.WriteAllText(file, $"{SettingsTable.OtherEncryptionKey}\n{SettingsTable.EncryptionKey}");
            await Assert.ThrowsAsync<JournalUnavailableException>(() =>
                writer.WriteAsync<int>(_ => throw new InvalidOperationException("defect"))
            );
            await _folder.TickUntilAsync(() => writer.Problem is null, "the journal is open");
            await EndAsync(writer);
        }

        File.WriteAllText(file, SettingsTable.EncryptionKey); // the change was given up
        using var next = new SqliteWriter(settings, _folder.Time);
        await next.Opened.WaitAsync(Eventually.Patience);
        await EndAsync(next);
    }

    [Fact]
    public async Task LittleRoom_IsFoundOnTheNextTick_AndToldOnlyWhileWritesSucceed()
    {
        using var disk = new SmallDisk(Path.Combine(_folder.Root, "disk"), megabytes: 8);
        var settings = _folder.Settings with { Path = Path.Combine(disk.Path, "j.db"), MinFreeBytes = 4 << 20 };
        using var release = new ManualResetEventSlim();
        using var begun = new ManualResetEventSlim();
        using var writer = new SqliteWriter(settings, _folder.Time);
        await writer.Opened;
        File.WriteAllBytes(Path.Combine(disk.Path, "ballast"), new byte[5 << 20]);

        Assert.Equal(1, await writer.WriteAsync(_ => 1));
        Assert.Null(writer.AcceptProblem);
        await _folder.TickUntilAsync(() => writer.AcceptProblem is not null, "the lack of room is found");
        Assert.Matches("^Only [0-2] MiB are free on the disk ", writer.AcceptProblem);
        Assert.Null(writer.Problem);

        var hanging = writer.WriteAsync(_ =>
        {
            begun.Set();
            release.Wait();
            return 2;
        });
        begun.Wait();
        _folder.Time.Advance(SqliteWriter.Patience);
        Assert.Null(writer.Problem); // it takes as long, and not longer
        _folder.Time.Advance(TimeSpan.FromTicks(1));
        var problem = writer.AcceptProblem;
        release.Set();

        Assert.Contains("the disk is slow", problem, StringComparison.Ordinal);
        Assert.Equal(2, await hanging);
        await EndAsync(writer);
    }

    [Fact]
    public async Task LittleRoom_IsFound_AlsoWhileWritesNeverEnd()
    {
        using var disk = new SmallDisk(Path.Combine(_folder.Root, "disk"), megabytes: 8);
        var settings = _folder.Settings with { Path = Path.Combine(disk.Path, "j.db"), MinFreeBytes = 4 << 20 };
        var isOver = false;
        SqliteWriter? writer = null;
        using (
            writer = new SqliteWriter(
                settings,
                _folder.Time,
                committed: (_, _) =>
                {
                    if (!Volatile.Read(ref isOver))
                        _ = writer!.WriteAsync(_ => 0);
                }
            )
        )
        {
            await writer.Opened;
            await writer.WriteAsync(_ => 0);
            File.WriteAllBytes(Path.Combine(disk.Path, "ballast"), new byte[5 << 20]);

            await _folder.TickUntilAsync(() => writer.AcceptProblem is not null, "the lack of room is found");

            Volatile.Write(ref isOver, true);
            await EndAsync(writer);
        }
    }

    [Fact]
    public async Task EveryThousandWrites_AreCopiedIntoTheDatabase()
    {
        using var writer = new SqliteWriter(_folder.Settings, _folder.Time);
        var secrets = (await writer.Opened).Secrets;
        var request = Sample.Request();
        await Task.WhenAll(Enumerable.Range(1, 999).Select(write => writer.WriteAsync(_ => write)));

        await writer.WriteAsync(store =>
            store.Accept(request.Id, RequestRow.Of(request, secrets), idempotency: null, Sample.Now)
        );

        await Eventually.HoldsAsync(
            () => File.ReadAllBytes(_folder.Journal).AsSpan().IndexOf(StoredId.Of(request.Id)) >= 0,
            "the log is copied"
        );
        await EndAsync(writer);
    }

    [Fact]
    public async Task CopyOfTheLogThatTheDiskRefused_IsMadeAgainAsAWhole()
    {
        using var disk = new SmallDisk(Path.Combine(_folder.Root, "disk"), megabytes: 8);
        var settings = _folder.Settings with { Path = Path.Combine(disk.Path, "j.db"), MinFreeBytes = 0 };
        using var writer = new SqliteWriter(settings, _folder.Time);
        await writer.Opened;
        await writer.WriteAsync(_ => 0); // stores the clock, which is due again after a minute
        var shell = SqliteFile.Connect(settings);
        SqliteSchema.Run(
            shell,
            "PRAGMA wal_autocheckpoint = 0; CREATE TABLE filler (content); "
                + "INSERT INTO filler VALUES (zeroblob(1048576))"
        );
        var ballast = disk.Fill();

        await Task.WhenAll(Enumerable.Range(1, 1_000).Select(write => writer.WriteAsync(_ => write)));

        await Eventually.HoldsAsync(
            () =>
            {
                _folder.Time.Advance(TimeSpan.FromMilliseconds(100)); // few ticks: a minute later, the clock needs room
                return writer.Problem is not null;
            },
            "the copy has failed"
        );
        File.Delete(ballast);
        await _folder.TickUntilAsync(
            () => writer.Problem?.Contains("has to be copied from its log again", StringComparison.Ordinal) == true,
            "the copy waits for the other connection"
        );
        await shell.DisposeAsync();
        await _folder.TickUntilAsync(() => writer.Problem is null, "the journal is open");
        await EndAsync(writer);
        using var after = SqliteFile.Connect(settings);
        Assert.Equal(1 << 20, SqliteSchema.Number(after, "SELECT length(content) FROM filler"));
    }

    private static async Task EndAsync(SqliteWriter writer)
    {
        writer.Dispose();
        await writer.Ended;
    }
}
