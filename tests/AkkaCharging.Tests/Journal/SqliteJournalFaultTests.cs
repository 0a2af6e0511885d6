using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Component")]
// one after another: a process being started (mount) holds copies of open locks for a moment
[Collection("SQLite journal")]
public sealed class SqliteJournalFaultTests : IAsyncLifetime
{
    private readonly JournalFolder _folder = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _folder.DisposeAsync().AsTask();

    [Fact]
    public async Task NewerSchema_RefusesTheStart()
    {
        await (await _folder.StartAsync()).DisposeAsync();
        await using (_folder.Shell($"PRAGMA user_version = {SqliteSchema.Version + 1}")) { }

        var invalid = await Assert.ThrowsAsync<InvalidJournalException>(() => _folder.StartAsync());

        Assert.Contains(
            $"has schema version {SqliteSchema.Version + 1}; this version of the service reads up to "
                + $"{SqliteSchema.Version}",
            invalid.Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task AnotherProgramsDatabase_RefusesTheStart_AndIsLeftAsItWas()
    {
        await using (_folder.Shell("CREATE TABLE t (a)")) { }

        var before = File.ReadAllBytes(_folder.Journal);

        Assert.Contains(
            "another program",
            (await Assert.ThrowsAsync<InvalidJournalException>(() => _folder.StartAsync())).Message,
            StringComparison.Ordinal
        );
        Assert.Equal(before, File.ReadAllBytes(_folder.Journal));
        Assert.False(File.Exists(_folder.Key));
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("truncated")]
    [InlineData("broken page")]
    [InlineData("without its secret")]
    public async Task CorruptFile_RefusesTheStart(string damage)
    {
        var journal = await _folder.StartAsync();
        for (var i = 0; i < 50; i++)
            await _folder.AcceptAsync(journal);
        await journal.DisposeAsync();
        Damage(damage);

        var invalid = await Assert.ThrowsAsync<InvalidJournalException>(() => _folder.StartAsync());

        Assert.Matches("corrupt|damaged", invalid.Message);
    }

    [Fact]
    public async Task CorruptionFoundWhileRunning_IsUnavailable_AndDoesNotEndTheProcess()
    {
        var journal = await _folder.StartAsync();
        await using (_folder.Shell("BEGIN IMMEDIATE"))
            await SqliteJournalTests.AssertUnavailableAsync(journal);
        Damage("garbage");

        await _folder.TickUntilAsync(
            () => journal.Status.Problem?.Contains("is corrupt", StringComparison.Ordinal) == true,
            "the damage is found"
        );

        await SqliteJournalTests.AssertUnavailableAsync(journal);
        Assert.False(journal.Invalid.IsCompleted);
    }

    [Fact]
    public async Task LockedByAnotherProgram_IsUnavailable_AndRecovers()
    {
        var journal = await _folder.StartAsync();
        await using (_folder.Shell("BEGIN IMMEDIATE"))
        {
            await SqliteJournalTests.AssertUnavailableAsync(journal);
            Assert.Contains("is locked by another process", journal.Status.Problem, StringComparison.Ordinal);
        }

        await RecoversAsync(journal);
    }

    [Fact]
    public async Task LockedAtStart_IsUnavailable_AndOpensLater()
    {
        await (await _folder.StartAsync()).DisposeAsync();
        SqliteJournal journal;
        await using (_folder.Shell("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE"))
        {
            journal = await _folder.StartAsync();
            Assert.Contains("is locked by another process", journal.Status.Problem, StringComparison.Ordinal);
        }

        await RecoversAsync(journal);
    }

    [Fact]
    public async Task RemovedFile_IsUnavailable_AndNotMadeAnew()
    {
        var journal = await _folder.StartAsync();
        var away = _folder.Journal + ".away";
        File.Move(_folder.Journal, away);

        await _folder.TickUntilAsync(() => !journal.Status.IsAvailable, "the loss is noticed");
        Assert.False(File.Exists(_folder.Journal));
        File.Move(away, _folder.Journal);

        await RecoversAsync(journal);
    }

    [Fact]
    public async Task MissingFolder_IsMade()
    {
        var journal = await _folder.StartAsync(
            _folder.Settings with
            {
                Path = Path.Combine(_folder.Root, "a", "b", "journal.db"),
            }
        );

        await _folder.AcceptAsync(journal);
    }

    [Fact]
    public async Task FolderThatCannotBeMade_IsUnavailable_UntilItCan()
    {
        var obstacle = Path.Combine(_folder.Root, "a");
        File.WriteAllText(obstacle, "");
        var journal = await _folder.StartAsync(_folder.Settings with { Path = Path.Combine(obstacle, "journal.db") });
        await SqliteJournalTests.AssertUnavailableAsync(journal);

        File.Delete(obstacle);

        await RecoversAsync(journal);
    }

    [Fact]
    public async Task LittleFreeDisk_RefusesNewRequests_ButSettlesOldOnes()
    {
        using var disk = new SmallDisk(Path.Combine(_folder.Root, "disk"), megabytes: 8);
        await using var journal = new SqliteJournal(
            _folder.Settings with
            {
                Path = Path.Combine(disk.Path, "j.db"),
                MinFreeBytes = 4 << 20,
            },
            _folder.Time
        );
        await journal.StartAsync(default);
        var request = await _folder.AcceptAsync(journal);
        var ballast = Path.Combine(disk.Path, "ballast");
        File.WriteAllBytes(ballast, new byte[5 << 20]);

        await _folder.TickUntilAsync(() => !journal.Status.IsAvailable, "the disk is nearly full");
        Assert.Contains(
            "below 4 MiB (journal.minFreeBytes) new requests are rejected",
            journal.Status.Problem,
            StringComparison.Ordinal
        );
        await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            journal.AcceptAsync(Sample.Request(), idempotency: null, default).AsTask()
        );
        await journal.SettleAsync(request.Id, new(RequestState.Expired, Sample.Now, LastAttempt: null), default);
        Assert.Equal(RequestState.Expired, (await journal.FindAsync(request.Id, default))!.State);

        File.Delete(ballast);
        await RecoversAsync(journal);
    }

    [Fact]
    public async Task FullDisk_IsUnavailable_KeepsWhatItTook_AndRecovers()
    {
        using var disk = new SmallDisk(Path.Combine(_folder.Root, "disk"), megabytes: 4);
        var settings = _folder.Settings with { Path = Path.Combine(disk.Path, "j.db"), MinFreeBytes = 0 };
        await using var journal = new SqliteJournal(settings, _folder.Time);
        await journal.StartAsync(default);
        var ballast = Path.Combine(disk.Path, "ballast");
        File.WriteAllBytes(ballast, new byte[2 << 20]);

        var taken = new List<RequestId>();
        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(async () =>
        {
            while (true)
                taken.Add((await _folder.AcceptAsync(journal)).Id);
        });
        Assert.Contains("The journal", refused.Message, StringComparison.Ordinal);
        Assert.NotEmpty(taken);
        Assert.False(journal.Status.IsAvailable);
        File.Delete(ballast);
        await _folder.TickUntilAsync(() => journal.Status.IsAvailable, "the journal is back");
        taken.Add((await _folder.AcceptAsync(journal)).Id);
        await journal.DisposeAsync();

        await using var reopened = new SqliteJournal(settings, _folder.Time);
        await reopened.StartAsync(default);
        var kept = (await reopened.ReadUnsettledAsync(default).ToListAsync())
            .Select(found => found.Request.Id)
            .ToList();
        Assert.Equal(taken, kept);
    }

    [Fact]
    public async Task ReadOnlyDisk_IsUnavailable_AndRecovers()
    {
        using var disk = new SmallDisk(Path.Combine(_folder.Root, "disk"), megabytes: 8);
        var settings = _folder.Settings with { Path = Path.Combine(disk.Path, "j.db"), MinFreeBytes = 0 };
        disk.Remount("ro");
        await using var journal = new SqliteJournal(settings, _folder.Time);
        await journal.StartAsync(default);
        Assert.False(journal.Status.IsAvailable);
        Assert.False(journal.Invalid.IsCompleted);

        disk.Remount("rw");

        await RecoversAsync(journal);
    }

    [Fact]
    public async Task SubmissionThatWaitsTooLong_IsGivenUp_AndNotMade_WhileTheDiskHangs()
    {
        using var release = new ManualResetEventSlim();
        using var begun = new ManualResetEventSlim();
        using var writer = new SqliteWriter(_folder.Settings, _folder.Time);
        await writer.Opened;
        var hanging = writer.WriteAsync(_ =>
        {
            begun.Set();
            release.Wait();
            return 1;
        });
        begun.Wait();
        var wasMade = false;
        var waiting = writer.WriteAsync(_ => wasMade = true, canTimeOut: true);

        await _folder.TickUntilAsync(() => waiting.IsCompleted, "the submission is given up");
        Assert.Contains("the disk is slow", writer.AcceptProblem, StringComparison.Ordinal);
        release.Set();

        await Assert.ThrowsAsync<JournalUnavailableException>(() => waiting);
        Assert.Equal(1, await hanging);
        Assert.Equal(2, await writer.WriteAsync(_ => 2));
        Assert.False(wasMade);
        Assert.Null(writer.AcceptProblem);
        writer.Dispose();
        await writer.Ended;
    }

    [Fact]
    public async Task WhoeverWaitsForTheDisk_IsToldToComeAgain_AndNothingOfItIsMadeLater()
    {
        using var release = new ManualResetEventSlim();
        using var begun = new ManualResetEventSlim();
        var hangs = false;
        await using var journal = new SqliteJournal(
            _folder.Settings,
            _folder.Time,
            committed: (_, _) =>
            {
                if (!Volatile.Read(ref hangs))
                    return;
                begun.Set();
                release.Wait();
            }
        );
        await journal.StartAsync(default);
        var (redriven, discarded) = (await FailAsync(), await FailAsync());
        var (request, claim) = (Sample.Request(), new IdempotencyClaim("key", "body"));
        Volatile.Write(ref hangs, true);
        var hanging = journal.RecordAttemptAsync(redriven, Sample.Attempt(), default).AsTask(); // changes nothing
        begun.Wait();
        Task[] waiting =
        [
            journal.AcceptAsync(request, claim, default).AsTask(),
            journal.FindAcceptedAsync(claim, default).AsTask(),
            journal.RedriveAsync(redriven, Sample.Now, default).AsTask(),
            journal.DiscardAsync(discarded, default).AsTask(),
        ];

        try
        {
            await _folder.TickUntilAsync(() => waiting.All(asked => asked.IsCompleted), "all are told");

            // Who comes later is told at once, and takes no memory until the disk answers.
            await _folder.TickUntilAsync(() => !journal.Status.IsAvailable, "the journal says that it hangs");
            foreach (
                var late in new Task[]
                {
                    journal.FindAcceptedAsync(claim, default).AsTask(),
                    journal.DiscardAsync(discarded, default).AsTask(),
                }
            )
                Assert.IsType<JournalUnavailableException>(late.Exception?.InnerException);
        }
        finally
        {
            release.Set(); // without which the journal could not be closed
        }

        foreach (var asked in waiting)
            await Assert.ThrowsAsync<JournalUnavailableException>(() => asked);
        await hanging;
        await _folder.TickUntilAsync(() => journal.Status.IsAvailable, "the journal goes on");
        Assert.Null(await journal.FindAsync(request.Id, default));
        Assert.Equal(AcceptOutcome.Accepted, (await journal.AcceptAsync(request, claim, default)).Outcome);
        Assert.Equal(RedriveOutcome.Redriven, (await journal.RedriveAsync(redriven, Sample.Now, default)).Outcome);
        Assert.Equal(DiscardOutcome.Discarded, await journal.DiscardAsync(discarded, default));

        async Task<RequestId> FailAsync()
        {
            var failed = await _folder.AcceptAsync(journal);
            await journal.SettleAsync(failed.Id, new(RequestState.Failed, Sample.Now, LastAttempt: null), default);
            return failed.Id;
        }
    }

    [Fact]
    public async Task DiskThatHangsAtTheStart_KeepsNobodyWaiting_AndTheJournalOpensWhenItAnswers()
    {
        await (await _folder.StartAsync()).DisposeAsync();
        var key = await File.ReadAllTextAsync(_folder.Key);
        File.Delete(_folder.Key);
        await Pipes.MakeAsync(_folder.Key); // read at the start; says nothing yet
        await using var journal = new SqliteJournal(_folder.Settings, _folder.Time);

        var starting = journal.StartAsync(default);
        await _folder.TickUntilAsync(() => starting.IsCompleted, "the start goes on");

        var problem = journal.Status.Problem;
        File.Move(_folder.Key, _folder.Key + ".pipe");
        await File.WriteAllTextAsync(_folder.Key, key); // for later reads
        await File.WriteAllTextAsync(_folder.Key + ".pipe", key);
        Assert.Contains("the disk is slow", problem, StringComparison.Ordinal);
        await _folder.TickUntilAsync(() => journal.Status.IsAvailable, "the journal is open");
        await _folder.AcceptAsync(journal);
    }

    /// <summary>Here the rescue of a removed log, which waits for the reader.</summary>
    [Fact]
    public async Task SubmissionThatWaitsTooLong_IsGivenUp_WhateverTheWriterDoesMeanwhile()
    {
        using var release = new ManualResetEventSlim();
        using var begun = new ManualResetEventSlim();
        using var reading = new SqliteThread("journal reader", _folder.Settings);
        using var writer = new SqliteWriter(_folder.Settings, _folder.Time, reading: reading);
        await writer.Opened;
        var hanging = reading.RunAsync(_ =>
        {
            begun.Set();
            release.Wait();
            return 1;
        });
        begun.Wait();
        File.Delete(_folder.Settings.Path + "-wal");

        await _folder.TickUntilAsync(() => writer.AcceptProblem is not null, "health tells");
        Assert.Contains("the disk is slow", writer.AcceptProblem, StringComparison.Ordinal);
        var waiting = writer.WriteAsync(_ => 1, canTimeOut: true);
        await _folder.TickUntilAsync(() => waiting.IsCompleted, "the submission is given up");

        Assert.Contains("the disk is slow", writer.AcceptProblem, StringComparison.Ordinal);
        release.Set();
        await Assert.ThrowsAsync<JournalUnavailableException>(() => waiting);
        Assert.Equal(1, await hanging);
        await _folder.TickUntilAsync(() => writer.AcceptProblem is null, "the journal is back");
        Assert.Equal(2, await writer.WriteAsync(_ => 2));
        writer.Dispose();
        await writer.Ended;
    }

    [Fact]
    public async Task DefectInOneWrite_FailsItsBatch_AndTheJournalRecovers()
    {
        using var writer = new SqliteWriter(_folder.Settings, _folder.Time);
        await writer.Opened;

        await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            writer.WriteAsync<int>(_ => throw new InvalidOperationException("defect"))
        );

        await _folder.TickUntilAsync(() => writer.Problem is null, "the journal is back");
        Assert.Equal(2, await writer.WriteAsync(_ => 2));
        writer.Dispose();
        await writer.Ended;
    }

    [Fact]
    public async Task FailedCopyOfTheLog_IsMadeAgain_WhenNobodyElseHasTheJournalOpen()
    {
        var clock = JournalClock.For(_folder.Settings, _folder.Time);
        using var reader = new SqliteThread("reader", _folder.Settings);
        using var owner = new SqliteOwner(_folder.Settings, _folder.Time, clock, [reader], notice: null, early: null);
        Assert.Null(owner.Open());
        Assert.Equal(1, await reader.RunAsync(_ => 1));
        await using (_folder.Shell("SELECT count(*) FROM request"))
        {
            owner.DoubtCopy(new SqliteException("disk I/O error", SQLitePCL.raw.SQLITE_IOERR));

            var refused = Assert.Throws<JournalUnavailableException>(owner.Open);

            Assert.Matches("copied from its log again: .* Another process has it open", refused.Message);
            await Assert.ThrowsAsync<JournalUnavailableException>(() => reader.RunAsync(_ => 2));
            Assert.True(new FileInfo(_folder.Journal + "-wal").Length > 0);
        }

        Assert.Null(owner.Open());

        Assert.False(owner.IsCopyInDoubt);
        Assert.Equal(3, await reader.RunAsync(_ => 3));
        var alone = Path.Combine(_folder.Root, "alone.db");
        File.Copy(_folder.Journal, alone);
        await using var copy = SqliteFile.Connect(_folder.Settings with { Path = alone });
        Assert.False(SqliteSchema.CheckIsFresh(copy, alone)); // it has all of the log
    }

    private async Task RecoversAsync(SqliteJournal journal)
    {
        await _folder.TickUntilAsync(() => journal.Status.IsAvailable, "the journal is back");
        var request = await _folder.AcceptAsync(journal);
        Assert.NotNull(await journal.FindAsync(request.Id, default));
    }

    private void Damage(string how)
    {
        using var file = new FileStream(_folder.Journal, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        switch (how)
        {
            case "garbage":
                file.Write(Enumerable.Repeat((byte)'x', (int)file.Length).ToArray());
                break;
            case "truncated":
                file.SetLength(file.Length / 2 / 4096 * 4096);
                break;
            case "broken page":
                file.Position = 4096;
                file.Write(Enumerable.Repeat((byte)'x', 4096).ToArray());
                break;
            default:
                file.Dispose();
                _folder.Shell("DELETE FROM meta WHERE name = 'hash_secret'").Dispose();
                break;
        }
    }
}
