using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Tests.Pipeline;
using AkkaCharging.Tests.Settings;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Journal.Sqlite;

/// <summary>What the owner of the files does when it opens them again.</summary>
[Trait("Category", "Component")]
// one after another: a process being started (mount) holds copies of open locks for a moment
[Collection("SQLite journal")]
public sealed class SqliteOwnerTests : IAsyncLifetime
{
    private readonly JournalFolder _folder = new();

    private string Log => _folder.Journal + "-wal";

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _folder.DisposeAsync();

    [Fact]
    public void LaterOwner_IsNoticedWithoutAWrite()
    {
        using var owner = Opened();
        SqliteStore.Open(_folder.Settings, _folder.Time).Dispose(); // past every lock

        Assert.Throws<JournalTakenException>(owner.Open);
    }

    [Fact]
    public void LossThatHappensAgain_IsToldAgain()
    {
        var notices = new List<string>();
        using var owner = _folder.Owner(_folder.Settings, (text, _) => notices.Add(text));
        Assert.Null(owner.Open());

        for (var loss = 1; loss <= 2; loss++)
        {
            File.Delete(Log);
            owner.Close(Assert.Throws<JournalMovedException>(owner.Open));
            Assert.Equal(loss, notices.Count);
            Assert.Null(owner.Open());
        }
    }

    [Theory]
    [InlineData("what another program wrote", true)]
    [InlineData("", false)]
    public async Task LogOfAnotherProgram_IsNotApplied(string log, bool isRefused)
    {
        using var owner = Opened();
        var before = JournalFolder.Commit(owner);
        await using (_folder.Shell("SELECT count(*) FROM request")) // the last connection would remove the log
        {
            File.WriteAllText(Log + ".other", log);
            File.Move(Log + ".other", Log, overwrite: true);
            owner.Close(Assert.Throws<JournalMovedException>(owner.Open));

            if (isRefused)
                Assert.Contains(
                    $"lies next to the log of another program, which must not be applied to it: move {Log} away",
                    Assert.Throws<JournalMovedException>(owner.Open).Message,
                    StringComparison.Ordinal
                );
            else
                Assert.Null(owner.Open());
        }

        Assert.Null(owner.Open());
        var after = JournalFolder.Commit(owner);
        owner.Dispose();
        Assert.Equal([before, after], await _folder.UnsettledAsync(_folder.Settings));
    }

    [Fact]
    public async Task DatabaseGone_WhileNothingHasItOpen_IsWaitedFor_AndNotMadeAnew()
    {
        using var owner = Opened();
        var request = JournalFolder.Commit(owner);
        owner.Close(new SqliteException("planted", SQLitePCL.raw.SQLITE_BUSY));
        var away = _folder.Journal + ".away";
        File.Move(_folder.Journal, away);

        for (var attempt = 0; attempt < 2; attempt++)
        {
            var moved = Assert.Throws<JournalMovedException>(owner.Open);
            Assert.Contains("which waits for the same file", moved.Message, StringComparison.Ordinal);
            Assert.Equal(moved.Message, owner.Close(moved));
        }

        Assert.False(File.Exists(_folder.Journal));
        File.Copy(away, _folder.Journal);
        Assert.Throws<JournalMovedException>(owner.Open);
        File.Move(away, _folder.Journal, overwrite: true);
        Assert.Null(owner.Open());
        owner.Dispose();
        Assert.Equal([request], await _folder.UnsettledAsync(_folder.Settings));
    }

    [Fact]
    public void FileThatWasNeverOpen_MayBeReplaced()
    {
        File.WriteAllText(_folder.Journal, "this is not a database, and long enough not to be taken for one");
        using var owner = _folder.Owner(_folder.Settings);
        Assert.Throws<InvalidJournalException>(owner.Open);
        File.Delete(_folder.Journal);
        Assert.Throws<JournalMovedException>(owner.Open); // the lock is on a file that is gone

        Assert.Null(owner.Open());
    }

    [Fact]
    public async Task FolderGone_IsMadeAgainForTheCopy()
    {
        var folder = Path.Combine(_folder.Root, "data");
        var settings = _folder.Settings with
        {
            Path = Path.Combine(folder, "journal.db"),
            EncryptionKeys = [SettingsTable.EncryptionKey],
        };
        using var owner = _folder.Owner(settings);
        Assert.Null(owner.Open());
        var request = JournalFolder.Commit(owner);
        Directory.Delete(folder, recursive: true);

        var problem = owner.RescueMoved(isLast: true);

        Assert.Null(owner.Store);
        var saved = Assert.Single(Directory.GetFiles(folder));
        Assert.Contains($"All of its content is saved as {saved}.", problem, StringComparison.Ordinal);
        owner.Dispose();
        File.Move(saved, settings.Path);
        Assert.Equal([request], await _folder.UnsettledAsync(settings));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LogWhoseCopyFailed_StaysForTheNextProcess(bool isClosed)
    {
        using var owner = Opened();
        var request = JournalFolder.Commit(owner);
        owner.DoubtCopy(DiskFailure());
        if (isClosed)
            owner.Close(DiskFailure());

        owner.Dispose();

        Assert.True(new FileInfo(Log).Length > 0);
        Assert.Equal([request], await _folder.UnsettledAsync(_folder.Settings));
    }

    /// <summary>A reader that came after the others had let go of the journal.</summary>
    [Fact]
    public async Task LogThatIsInUseAgain_IsCopiedLater()
    {
        using var reader = new SqliteThread("reader", _folder.Settings);
        var time = new WatchedTime();
        var clock = JournalClock.For(_folder.Settings, time);
        using var owner = new SqliteOwner(_folder.Settings, time, clock, [reader], notice: null, early: null);
        Assert.Null(owner.Open());
        var request = JournalFolder.Commit(owner);
        owner.DoubtCopy(DiskFailure());
        SqliteConnection? shell = null;
        time.OnRead = () =>
        {
            if (reader.IsPaused)
                shell ??= _folder.Shell("BEGIN; SELECT count(*) FROM request");
        };

        var refused = Assert.Throws<JournalUnavailableException>(owner.Open);

        Assert.Contains("has to be copied from its log again", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Another process", refused.Message, StringComparison.Ordinal);
        Assert.True(owner.IsCopyInDoubt);
        owner.Close(refused);
        await shell!.DisposeAsync();
        Assert.Null(owner.Open());
        Assert.False(owner.IsCopyInDoubt);
        owner.Dispose();
        Assert.Equal([request], await _folder.UnsettledAsync(_folder.Settings));
    }

    /// <summary>What an earlier process failed to sync can be read, and is not on the disk.</summary>
    [Fact]
    public void LogOfAnEarlierProcess_IsWrittenAgain_AndThisOnesIsNot()
    {
        using (var earlier = Opened())
        {
            JournalFolder.Commit(earlier);
            earlier.DoubtCopy(DiskFailure()); // so that it leaves its log
        }

        using var owner = _folder.Owner(_folder.Settings);
        using (LockLog())
            Assert.Throws<IOException>(owner.Open);
        Assert.Null(owner.Open());
        owner.Close(DiskFailure());

        using (LockLog())
            Assert.Null(owner.Open());
    }

    private SqliteOwner Opened()
    {
        var owner = _folder.Owner(_folder.Settings);
        Assert.Null(owner.Open());
        return owner;
    }

    /// <summary>Keeps this runtime, and not SQLite, from opening the log.</summary>
    private FileStream LockLog() => new(Log, FileMode.Open, FileAccess.ReadWrite, FileShare.None);

    private static SqliteException DiskFailure() => new("planted", SQLitePCL.raw.SQLITE_IOERR);

    /// <summary>Fake time that a test can act on whenever it is read.</summary>
    private sealed class WatchedTime : FakeTimeProvider
    {
        public WatchedTime()
            : base(Sample.Now) { }

        public Action? OnRead { get; set; }

        public override DateTimeOffset GetUtcNow()
        {
            OnRead?.Invoke();
            return base.GetUtcNow();
        }
    }
}
