using AkkaCharging.Files;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Pipeline;
using AkkaCharging.Timing;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Journal;

/// <summary>
/// The journal's behaviour when its files are removed or replaced, when two processes try to own it, and who may read
/// the files.
/// </summary>
[Trait("Category", "Component")]
// one after another: a process being started (mount) holds copies of open locks for a moment
[Collection("SQLite journal")]
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class SqliteJournalFilesTests : IAsyncLifetime
{
    private readonly JournalFolder _folder = new();
    private readonly List<(string Text, bool IsLoss)> _notices = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _folder.DisposeAsync().AsTask();

    [Theory]
    [InlineData(false, "-wal", "-shm")]
    [InlineData(false, "-wal")]
    [InlineData(false, "-shm")]
    [InlineData(false, ".lock")]
    [InlineData(false, ".key")]
    [InlineData(true, "-wal", "-shm")]
    [InlineData(true, "-wal")]
    [InlineData(true, "-shm")]
    [InlineData(true, ".lock")]
    [InlineData(true, ".key")]
    public async Task FilesBesideTheDatabaseGone_RefuseTheNextBatch_AndNothingIsLost(
        bool isReplaced,
        params string[] gone
    )
    {
        await using var journal = await StartAsync();
        var before = await _folder.AcceptAsync(journal);
        foreach (var file in gone)
            Remove(_folder.Journal + file, isReplaced);

        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => _folder.AcceptAsync(journal));

        Assert.Contains(
            "were removed or replaced under this process: "
                + $"{string.Join(", ", gone.Select(file => "journal.db" + file))}.",
            refused.Message,
            StringComparison.Ordinal
        );
        Assert.Equal(refused.Message, journal.Status.Problem);
        Assert.Equal([(refused.Message, true)], _notices);
        Assert.Equal([before.Id], await LeftByACrashAsync()); // of what the database alone holds
        await _folder.TickUntilAsync(() => journal.Status.IsAvailable, "the files are created again");
        var after = await _folder.AcceptAsync(journal);
        Assert.NotNull(await journal.FindAsync(before.Id, default));
        Assert.All(
            ["", "-wal", "-shm", ".lock", ".key"],
            file => Assert.True(File.Exists(_folder.Journal + file), file)
        );
        await journal.DisposeAsync();
        Assert.Equal([before.Id, after.Id], await _folder.UnsettledAsync(_folder.Settings));
    }

    [Fact]
    public async Task LogRemovedWhileABatchIsWritten_TheBatchIsInTheDatabaseBeforeItsCallersAreTold()
    {
        using var writer = new SqliteWriter(_folder.Settings, _folder.Time);
        var secrets = (await writer.Opened).Secrets;
        var request = Sample.Request();

        await writer.WriteAsync(store =>
        {
            Remove(_folder.Journal + "-wal", isReplaced: false);
            Remove(_folder.Journal + "-shm", isReplaced: false);
            return store.Accept(request.Id, RequestRow.Of(request, secrets), idempotency: null, Sample.Now);
        });

        Assert.Equal([request.Id], await LeftByACrashAsync());
        writer.Dispose();
        await writer.Ended;
    }

    /// <summary>Its caller was told that it was not accepted, and may have asked again under the same key.</summary>
    [Fact]
    public async Task LogRemovedWhileABatchIsWritten_ThatCannotBeCopied_IsTakenBackWhenItCan()
    {
        using var writer = new SqliteWriter(_folder.Settings, _folder.Time);
        var secrets = (await writer.Opened).Secrets;
        var (request, claim) = (Sample.Request(), new IdempotencyClaim("key", "body"));
        await using (_folder.Shell("BEGIN; SELECT count(*) FROM request")) // keeps the log from being copied as a whole
        {
            await Assert.ThrowsAsync<JournalUnavailableException>(() =>
                writer.WriteAsync(
                    store =>
                    {
                        Remove(_folder.Journal + "-wal", isReplaced: false);
                        return store.Accept(request.Id, RequestRow.Of(request, secrets), claim, Sample.Now);
                    },
                    undo: store => store.TakeBack(request.Id, claim)
                )
            );
        }

        await _folder.TickUntilAsync(() => writer.Problem is null, "the journal is open again");

        Assert.Null(await writer.WriteAsync(store => store.FindAccepted(claim, Sample.Now)));
        Assert.Empty(await LeftByACrashAsync());
        await writer.WriteAsync(store => store.Accept(request.Id, RequestRow.Of(request, secrets), claim, Sample.Now));
        for (var tick = 0; tick < 3; tick++)
        {
            _folder.Time.Advance(SharedTick.Period);
            Assert.NotNull(await writer.WriteAsync(store => store.FindAccepted(claim, Sample.Now))); // not again
        }

        writer.Dispose();
        await writer.Ended;
    }

    /// <summary>Its caller was told that it was not redriven, and no lane has it.</summary>
    [Fact]
    public async Task RedriveInALogThatWasRemoved_ThatCannotBeCopied_IsADeadLetterAgainWhenItCan()
    {
        var time = new HookedTime();
        await using var journal = new SqliteJournal(_folder.Settings, time);
        await journal.StartAsync(default);
        var request = await _folder.AcceptAsync(journal);
        await journal.SettleAsync(request.Id, new(RequestState.Failed, Sample.Now, LastAttempt: null), default);
        await using (_folder.Shell("BEGIN; SELECT count(*) FROM request")) // keeps the log from being copied as a whole
        {
            time.OnTimestamp = () =>
            {
                if (!IsPending())
                    return; // not committed yet
                time.OnTimestamp = null;
                Remove(_folder.Journal + "-wal", isReplaced: false);
            };
            await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
                await journal.RedriveAsync(request.Id, Sample.Now, default)
            );
            Assert.Null(time.OnTimestamp);
        }

        await Eventually.HoldsAsync(
            () =>
            {
                time.Advance(SharedTick.Period);
                return journal.Status.IsAvailable;
            },
            "the journal is open again"
        );

        Assert.Equal(RequestState.Failed, (await journal.FindAsync(request.Id, default))!.State);
        Assert.Equal(RedriveOutcome.Redriven, (await journal.RedriveAsync(request.Id, Sample.Now, default)).Outcome);

        bool IsPending()
        {
            using var shell = _folder.Shell();
            return SqliteSchema.Number(shell, "SELECT count(*) FROM request WHERE settled_at IS NULL") > 0;
        }
    }

    [Fact]
    public async Task LogRemovedWhileABatchIsWritten_ThatAReaderHere_KeepsFromBeingCopiedAtOnce_IsAccepted()
    {
        using var reading = new SqliteThread("reading", _folder.Settings);
        using var writer = new SqliteWriter(_folder.Settings, _folder.Time, reading: reading);
        var secrets = (await writer.Opened).Secrets;
        var (request, began) = (Sample.Request(), new TaskCompletionSource());
        var read = reading.RunAsync(connection =>
        {
            SqliteSchema.Run(connection, "BEGIN; SELECT count(*) FROM request");
            began.SetResult();
            SpinWait.SpinUntil(() => reading.IsPaused, Eventually.Patience);
            SqliteSchema.Run(connection, "COMMIT");
            return true;
        });
        await began.Task;

        await writer.WriteAsync(
            store =>
            {
                Remove(_folder.Journal + "-wal", isReplaced: false);
                return store.Accept(request.Id, RequestRow.Of(request, secrets), idempotency: null, Sample.Now);
            },
            undo: store => store.TakeBack(request.Id, claim: null)
        );

        Assert.True(await read);
        await _folder.TickUntilAsync(() => writer.Problem is null, "the journal is open again");
        Assert.Equal([request.Id], await LeftByACrashAsync());
        writer.Dispose();
        await writer.Ended;
    }

    [Fact]
    public async Task DatabaseRemovedWhileABatchIsWritten_FailsIt()
    {
        using var writer = new SqliteWriter(_folder.Settings, _folder.Time);
        await writer.Opened;

        await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            writer.WriteAsync(_ =>
            {
                File.Delete(_folder.Journal);
                return true;
            })
        );

        writer.Dispose();
        await writer.Ended;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DatabaseGone_TakesNothing_AndSavesWhatItHeld(bool isReplaced)
    {
        await using var journal = await StartAsync();
        var before = await _folder.AcceptAsync(journal);
        if (isReplaced)
            File.WriteAllText(_folder.Journal + ".other", "another");
        Remove(_folder.Journal, isReplaced, isReplaced ? _folder.Journal + ".other" : null);

        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => _folder.AcceptAsync(journal));

        Assert.StartsWith(
            $"The journal {_folder.Journal} was removed or replaced under this process.",
            refused.Message,
            StringComparison.Ordinal
        );
        Assert.Contains("accepts no requests until the same file is back", refused.Message, StringComparison.Ordinal);
        Assert.All(["-wal", "-shm"], file => Assert.False(File.Exists(_folder.Journal + file), file));
        _folder.Time.Advance(SharedTick.Period * 10);
        await SqliteJournalTests.AssertUnavailableAsync(journal);
        var saved = Assert.Single(Directory.GetFiles(_folder.Root, "journal.db.saved-*"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(saved));
        Assert.Contains(saved, journal.Status.Problem, StringComparison.Ordinal);
        Assert.Equal([(journal.Status.Problem!, true)], _notices);
        Assert.Equal(isReplaced, File.Exists(_folder.Journal));
        await journal.DisposeAsync();
        Assert.False(File.Exists(_folder.Journal + "-wal")); // another database would take it for its own

        File.Move(saved, _folder.Journal, overwrite: true);
        Assert.Equal([before.Id], await _folder.UnsettledAsync(_folder.Settings));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DatabaseGone_WithoutRoomForACopy_IsSavedWhenThereIs(bool isLast)
    {
        using var disk = new SmallDisk(Path.Combine(_folder.Root, "disk"), megabytes: 4);
        var settings = _folder.Settings with { Path = Path.Combine(disk.Path, "j.db"), MinFreeBytes = 0 };
        using (var first = _folder.Owner(settings))
            Assert.Null(first.Open()); // the log, which is emptied now, is later copied without further room
        using var owner = _folder.Owner(settings);
        Assert.Null(owner.Open());
        var request = JournalFolder.Commit(owner);
        var ballast = disk.Fill();
        File.Delete(settings.Path);

        var unsaved = TryAgain();

        Assert.Contains("could not be saved, which is tried again once a minute", unsaved, StringComparison.Ordinal);
        Assert.Contains("the disk is full", unsaved, StringComparison.Ordinal);
        Assert.Empty(Saved());
        File.Delete(ballast);
        _folder.Time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(unsaved, TryAgain());
        _folder.Time.Advance(TimeSpan.FromSeconds(isLast ? 0 : 1));
        var saving = isLast ? owner.RescueMoved(isLast: true) : TryAgain();
        Assert.Contains($"saved as {Assert.Single(Saved())}", saving, StringComparison.Ordinal);
        owner.Dispose();
        File.Move(Assert.Single(Saved()), settings.Path);
        Assert.Equal([request], await _folder.UnsettledAsync(settings));

        string TryAgain() => owner.Close(Assert.Throws<JournalMovedException>(owner.Open));

        string[] Saved() => Directory.GetFiles(disk.Path, "j.db.saved-*");
    }

    [Theory]
    [InlineData("-wal", "-shm")]
    [InlineData("-wal")]
    public async Task FilesGone_WhileTheJournalIsClosedAfterAFailureOfTheDisk_LoseNothing(params string[] gone)
    {
        using var owner = await ReadOwnerAsync(_folder.Settings);
        var before = JournalFolder.Commit(owner);
        owner.Close(DiskFailure());
        foreach (var file in gone)
            File.Delete(_folder.Journal + file);

        OpenAgain(owner);

        var after = JournalFolder.Commit(owner);
        owner.Dispose();
        Assert.Equal([before, after], await _folder.UnsettledAsync(_folder.Settings));
    }

    [Fact]
    public async Task FilesGone_BeforeAnyOtherError_LoseNothing()
    {
        using var owner = await ReadOwnerAsync(_folder.Settings);
        var request = JournalFolder.Commit(owner);
        File.Delete(_folder.Journal + "-wal");
        owner.Close(new SqliteException("planted", SQLitePCL.raw.SQLITE_BUSY));

        OpenAgain(owner);

        owner.Dispose();
        Assert.Equal([request], await _folder.UnsettledAsync(_folder.Settings));
    }

    [Fact]
    public async Task FilesGone_WhileTheJournalIsClosedAfterAFailureOfTheDisk_AreKeptOpenUntilTheirContentIsCopied()
    {
        using var owner = await ReadOwnerAsync(_folder.Settings);
        await using (_folder.Shell("BEGIN; SELECT count(*) FROM request"))
        {
            JournalFolder.Commit(owner);
            owner.Close(DiskFailure());
            File.Delete(_folder.Journal + "-wal");

            for (var i = 0; i < 2; i++)
                Assert.Contains(
                    "Another process is reading the journal",
                    owner.Close(Assert.Throws<JournalMovedException>(owner.Open)),
                    StringComparison.Ordinal
                );
        }

        OpenAgain(owner);

        owner.Dispose();
        Assert.Single(await _folder.UnsettledAsync(_folder.Settings));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DatabaseGone_WhileTheJournalIsClosedAfterAFailureOfTheDisk_IsSaved(bool isLast)
    {
        using var owner = await ReadOwnerAsync(_folder.Settings);
        var request = JournalFolder.Commit(owner);
        owner.Close(DiskFailure());
        File.Delete(_folder.Journal);

        if (isLast)
            owner.RescueMoved(isLast: true);
        else
            owner.Close(Assert.Throws<JournalMovedException>(owner.Open));

        owner.Dispose();
        File.Move(Assert.Single(Directory.GetFiles(_folder.Root, "journal.db.saved-*")), _folder.Journal);
        Assert.Equal([request], await _folder.UnsettledAsync(_folder.Settings));
    }

    [Fact]
    public async Task DatabaseMovedAwayAndBack_WhileTheJournalIsClosedAfterAFailureOfTheDisk_GoesOnWithAllOfIt()
    {
        using var owner = await ReadOwnerAsync(_folder.Settings);
        var before = JournalFolder.Commit(owner);
        owner.Close(DiskFailure());
        File.Move(_folder.Journal, _folder.Journal + ".away");
        owner.Close(Assert.Throws<JournalMovedException>(owner.Open));
        File.Move(_folder.Journal + ".away", _folder.Journal);

        OpenAgain(owner);

        var after = JournalFolder.Commit(owner);
        owner.Dispose();
        Assert.Empty(Directory.GetFiles(_folder.Root, "journal.db.saved-*"));
        Assert.Equal([before, after], await _folder.UnsettledAsync(_folder.Settings));
    }

    [Fact]
    public async Task LogGoneDuringACommit_WithoutRoomToCopyIt_IsCopiedWhenThereIs()
    {
        using var disk = new SmallDisk(Path.Combine(_folder.Root, "disk"), megabytes: 4);
        var settings = _folder.Settings with { Path = Path.Combine(disk.Path, "j.db"), MinFreeBytes = 0 };
        using var owner = await ReadOwnerAsync(settings);
        var request = JournalFolder.Commit(owner);
        var ballast = disk.Fill();
        File.Delete(settings.Path + "-wal");

        var problem = owner.Close(Assert.Throws<SqliteException>(owner.SecureCommit));
        Assert.Matches("cannot be copied into the database at present: .* the disk is full", problem);
        File.Delete(ballast);
        OpenAgain(owner);

        owner.Dispose();
        Assert.Equal([request], await _folder.UnsettledAsync(settings));
    }

    [Fact]
    public async Task DatabaseMovedAwayAndBack_GoesOnWithAllOfIt()
    {
        await using var journal = await StartAsync();
        var before = await _folder.AcceptAsync(journal);
        File.Move(_folder.Journal, _folder.Journal + ".away");
        await SqliteJournalTests.AssertUnavailableAsync(journal);

        File.Move(_folder.Journal + ".away", _folder.Journal);

        await _folder.TickUntilAsync(() => journal.Status.IsAvailable, "the journal is back");
        var after = await _folder.AcceptAsync(journal);
        Assert.Empty(Directory.GetFiles(_folder.Root, "journal.db.saved-*"));
        await journal.DisposeAsync();
        Assert.Equal([before.Id, after.Id], await _folder.UnsettledAsync(_folder.Settings));
    }

    [Fact]
    public async Task IdleJournal_NoticesByItself()
    {
        await using var journal = await StartAsync();
        File.Delete(_folder.Journal + "-wal");

        await _folder.TickUntilAsync(() => _notices.Count > 0, "the loss is told");

        Assert.Contains("journal.db-wal", _notices[0].Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LaterOwner_EndsTheEarlierOneForGood(bool isIdle)
    {
        await using var journal = await StartAsync();
        await _folder.AcceptAsync(journal);
        using var later = SqliteStore.Open(_folder.Settings, _folder.Time); // past every lock

        if (isIdle)
            await _folder.TickUntilAsync(() => !journal.Status.IsAvailable, "the earlier owner notices");
        else
            await Assert.ThrowsAsync<JournalUnavailableException>(() => _folder.AcceptAsync(journal));

        Assert.Contains("was taken over by another process", journal.Status.Problem, StringComparison.Ordinal);
        later.Dispose();
        _folder.Shell("UPDATE meta SET value = value - 1 WHERE name = 'owner_epoch'").Dispose(); // as if it never was
        _folder.Time.Advance(SharedTick.Period * 10);
        await SqliteJournalTests.AssertUnavailableAsync(journal);
        await journal.DisposeAsync();
        Assert.Equal([(journal.Status.Problem!, true)], _notices);
    }

    [Theory]
    [InlineData("same path")]
    [InlineData("lock removed")]
    [InlineData("symbolic link")]
    [InlineData("hard link")]
    public async Task SecondOwner_Waits_WhicheverPathItComesBy(string way)
    {
        var first = await StartAsync();
        await _folder.AcceptAsync(first);
        var other = Path.Combine(_folder.Root, "other.db");
        if (way == "lock removed")
            File.Delete(_folder.Journal + ".lock");
        else if (way == "symbolic link")
            File.CreateSymbolicLink(other, _folder.Journal);
        else if (way == "hard link")
            HardLink(_folder.Journal, other);

        var second = await _folder.StartAsync(
            way.EndsWith("link", StringComparison.Ordinal) ? _folder.Settings with { Path = other } : _folder.Settings
        );

        Assert.Contains(" is in use by ", second.Status.Problem, StringComparison.Ordinal);
        if (way != "hard link")
            Assert.Contains($"process {Environment.ProcessId} on ", second.Status.Problem, StringComparison.Ordinal);
        await SqliteJournalTests.AssertUnavailableAsync(second);
        if (way == "lock removed")
            await SqliteJournalTests.AssertUnavailableAsync(first); // it notices, and locks the file that is there now
        await _folder.TickUntilAsync(() => first.Status.IsAvailable, "the first owner goes on");
        await _folder.AcceptAsync(first);
        Assert.False(second.Status.IsAvailable);
        await first.DisposeAsync();
    }

    [Theory]
    [InlineData(FileAccess.Read, FileShare.None)]
    [InlineData(FileAccess.Read, FileShare.Read)]
    public async Task ReaderOfTheLock_DoesNotKeepTheJournalFromOpening(FileAccess access, FileShare share)
    {
        await (await StartAsync()).DisposeAsync();
        using var reader = new FileStream(_folder.Journal + ".lock", FileMode.Open, access, share);

        var journal = await StartAsync();

        Assert.Null(journal.Status.Problem);
        await _folder.AcceptAsync(journal);
    }

    [Fact]
    public async Task OwnerOfAnEarlierVersion_IsWaitedFor()
    {
        await (await StartAsync()).DisposeAsync();
        SqliteJournal journal;
        using (new FileStream(_folder.Journal + ".lock", FileMode.Open, FileAccess.ReadWrite, FileShare.None))
        using (_folder.Shell("SELECT count(*) FROM request"))
        {
            journal = await StartAsync();
            Assert.Contains(" is in use by ", journal.Status.Problem, StringComparison.Ordinal);
        }

        await _folder.TickUntilAsync(() => journal.Status.IsAvailable, "the journal is free");
    }

    [Fact]
    public async Task FilesOfAnEarlierVersion_AreMadePrivate()
    {
        await (await StartAsync()).DisposeAsync();
        const UnixFileMode Open = (UnixFileMode)0b110_100_100;
        File.WriteAllText(_folder.Journal + ".owner", "somebody");
        foreach (var file in Directory.GetFiles(_folder.Root))
            File.SetUnixFileMode(file, Open);

        await StartAsync();

        var modes = Directory.GetFiles(_folder.Root).ToDictionary(file => Path.GetFileName(file), File.GetUnixFileMode);
        Assert.Equal(
            ["journal.db", "journal.db-shm", "journal.db-wal", "journal.db.key", "journal.db.lock", "journal.db.owner"],
            modes.Keys.Order(StringComparer.Ordinal)
        );
        Assert.All(modes.Values, mode => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, mode));
        Assert.Empty(_notices);
    }

    [Fact]
    public async Task FolderThatAnybodyMayWrite_IsWarnedOf()
    {
        File.SetUnixFileMode(_folder.Root, (UnixFileMode)0b111_111_111);

        await StartAsync();

        var (text, isLoss) = Assert.Single(_notices);
        Assert.Equal(
            $"Any user of this machine can remove the journal's files: everyone can write to its folder "
                + $"{_folder.Root}. Set its mode to 0700.",
            text
        );
        Assert.False(isLoss);
    }

    [Fact]
    public async Task FileWhoseModeCannotBeChanged_IsWarnedOf()
    {
        await (await StartAsync()).DisposeAsync();
        using var disk = new SmallDisk(Path.Combine(_folder.Root, "disk"), megabytes: 1);
        var key = Path.Combine(disk.Path, "key");
        File.Move(_folder.Key, key);
        File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        File.CreateSymbolicLink(_folder.Key, key);
        disk.Remount("ro");

        await (await StartAsync()).DisposeAsync();

        var (text, isLoss) = Assert.Single(_notices);
        Assert.StartsWith(
            $"Other users of this machine may read {_folder.Key}, and its mode cannot be changed: ",
            text,
            StringComparison.Ordinal
        );
        Assert.False(isLoss);
    }

    [Fact]
    public void Identity_IsTheFiles_NotThePaths()
    {
        var (file, link) = (Path.Combine(_folder.Root, "a"), Path.Combine(_folder.Root, "b"));
        File.WriteAllText(file, "");
        File.CreateSymbolicLink(link, file);
        var identity = FileIdentity.TryGet(FileIdentity.Name(file));
        using (var open = File.OpenHandle(file))
            Assert.Equal(identity, FileIdentity.TryGet(open));

        Assert.NotNull(identity);
        Assert.Equal(identity, FileIdentity.TryGet(FileIdentity.Name(link)));
        Remove(file, isReplaced: true);
        Assert.NotEqual(identity, FileIdentity.TryGet(FileIdentity.Name(file)));
        File.Delete(file);
        Assert.Null(FileIdentity.TryGet(FileIdentity.Name(file)));
    }

    /// <summary>An owner with the journal open, and with a reader that has it open too.</summary>
    private async Task<SqliteOwner> ReadOwnerAsync(JournalSettings settings)
    {
        var reader = new SqliteThread("reader", settings);
        var owner = _folder.Owner(settings, others: [reader]);
        Assert.Null(owner.Open());
        Assert.Equal(1, await reader.RunAsync(_ => 1));
        return owner;
    }

    /// <summary>Opens a closed journal, with another try where the first one finds files moved.</summary>
    private static void OpenAgain(SqliteOwner owner)
    {
        if (Record.Exception(owner.Open) is { } moved)
            owner.Close(moved);
        Assert.Null(owner.Open());
    }

    private static SqliteException DiskFailure() => new("planted", SQLitePCL.raw.SQLITE_IOERR);

    private async Task<SqliteJournal> StartAsync()
    {
        var journal = new SqliteJournal(
            _folder.Settings,
            _folder.Time,
            notice: (text, isLoss) => _notices.Add((text, isLoss))
        );
        _folder.Owns(journal);
        await journal.StartAsync(default);
        return journal;
    }

    /// <summary>
    /// What the next process would find if this one ended now: in the database and its key, and in the log next to it.
    /// </summary>
    private async Task<List<RequestId>> LeftByACrashAsync()
    {
        var copy = Path.Combine(
            Directory.CreateDirectory(Path.Combine(_folder.Root, "crashed")).FullName,
            "journal.db"
        );
        foreach (var file in (string[])["", "-wal"])
        {
            if (File.Exists(_folder.Journal + file))
                File.Copy(_folder.Journal + file, copy + file, overwrite: true);
        }

        File.Copy(_folder.Key, copy + ".key", overwrite: true);
        return await _folder.UnsettledAsync(_folder.Settings with { Path = copy });
    }

    private static void Remove(string path, bool isReplaced, string? by = null)
    {
        if (!isReplaced)
        {
            File.Delete(path);
            return;
        }

        if (by is null)
            File.Copy(path, by = path + ".copy");
        File.Move(by, path, overwrite: true);
    }

    private static void HardLink(string path, string link)
    {
        using var process = System.Diagnostics.Process.Start("ln", [path, link]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    /// <summary>Fake time that a test can act on whenever the writer asks for it.</summary>
    private sealed class HookedTime : FakeTimeProvider
    {
        public HookedTime()
            : base(Sample.Now) { }

        public Action? OnTimestamp { get; set; }

        public override long GetTimestamp()
        {
            if (string.Equals(Thread.CurrentThread.Name, "journal writer", StringComparison.Ordinal))
                OnTimestamp?.Invoke();
            return base.GetTimestamp();
        }
    }
}
