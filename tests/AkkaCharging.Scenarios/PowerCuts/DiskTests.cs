namespace AkkaCharging.Scenarios.PowerCuts;

/// <summary>What the disk of <see cref="PowerCutTests"/> keeps.</summary>
[Trait("Category", "Unit")]
public sealed class DiskTests
{
    private const string File = "journal.db-wal";

    [Fact]
    public void SyncedWritesAreKept_OthersAreDropped()
    {
        var disk = Replay(
            """7 pwrite64(3</a/journal.db-wal>, "\x01\x02", 2, 1) = 2""",
            "7 fsync(3</a/journal.db-wal>) = 0",
            """7 pwrite64(3</a/journal.db-wal>, "\x03", 1, 0) = 1"""
        );

        Assert.Equal([0, 1, 2], disk.CutPower(Unsynced.Dropped, new Random(1))[File]);
        Assert.Contains(Cuts(disk, Unsynced.Reordered), files => files[File].SequenceEqual(new byte[] { 3, 1, 2 }));
    }

    [Fact]
    public void SyncDoesNotCoverAWriteThatReturnedAfterItsBegin()
    {
        var disk = Replay(
            """7 pwrite64(3</a/journal.db-wal>, "\x01", 1, 0 <unfinished ...>""",
            "8 fsync(3</a/journal.db-wal> <unfinished ...>",
            "7 <... pwrite64 resumed>) = 1",
            "8 <... fsync resumed>) = 0"
        );

        Assert.Empty(disk.CutPower(Unsynced.Dropped, new Random(1)));
    }

    [Theory]
    [InlineData(
        "7 fsync(3</a/journal.db-wal> <unfinished ...>",
        "7 <... fsync resumed>) = -1 EIO (Input/output error)"
    )]
    [InlineData("7 fsync(3</a/journal.db-wal>) = -1 EIO (Input/output error) (INJECTED)")]
    public void FailedSyncKeepsNothing_AndALaterOneOnlyWhatWasWrittenSince(params string[] failedSync)
    {
        var disk = Replay([
            """7 pwrite64(3</a/journal.db-wal>, "a\n", 2, 0) = 2""",
            .. failedSync,
            """7 pwrite64(3</a/journal.db-wal>, "d", 1, 1) = 1""",
            "7 fsync(3</a/journal.db-wal>) = 0",
        ]);

        Assert.False(disk.HasUnsynced);
        Assert.Equal("\0d"u8, disk.CutPower(Unsynced.Dropped, new Random(1))[File]);
    }

    /// <summary>The system would have told the other descriptor, too, if it had lost its pages.</summary>
    [Fact]
    public void SyncThatFailsOnOneDescriptor_LosesNothingOfAnother()
    {
        var disk = Replay(
            """7 pwrite64(3</a/journal.db-wal>, "a", 1, 0) = 1""",
            """8 pwrite64(4</a/journal.db-wal>, "b", 1, 1) = 1""",
            "8 fsync(4</a/journal.db-wal>) = -1 EIO (Input/output error) (INJECTED)",
            "7 fsync(3</a/journal.db-wal>) = 0"
        );

        Assert.False(disk.HasUnsynced);
        Assert.Equal("a"u8, disk.CutPower(Unsynced.Dropped, new Random(1))[File]);
    }

    [Theory]
    [InlineData("7 +++ killed by SIGKILL +++")]
    [InlineData("7 <... pwrite64 resumed>) = ?", "7 +++ killed by SIGKILL +++")]
    public void WriteOfAProcessThatWasKilled_DoesNotComeBackAfterThatOfALaterProcess(params string[] killed)
    {
        var disk = Replay([
            """7 pwrite64(3</a/journal.db-wal>, "a", 1, 0 <unfinished ...>""",
            .. killed,
            """9 pwrite64(3</a/journal.db-wal>, "b", 1, 0) = 1""",
            "9 fsync(3</a/journal.db-wal>) = 0",
        ]);

        Assert.False(disk.HasUnsynced);
        Assert.Equal("b"u8, disk.CutPower(Unsynced.Reordered, new Random(1))[File]);
    }

    [Fact]
    public void TruncationDropsWhatLiesBehind()
    {
        var disk = Replay(
            """7 pwrite64(3</a/journal.db-wal>, "ab", 2, 0) = 2""",
            "7 fsync(3</a/journal.db-wal>) = 0",
            """7 pwrite64(3</a/journal.db-wal>, "c", 1, 2) = 1""",
            "7 ftruncate(3</a/journal.db-wal>, 1) = 0"
        );

        Assert.False(disk.HasUnsynced);
        Assert.Equal("a"u8, disk.CutPower(Unsynced.Dropped, new Random(1))[File]);
    }

    [Fact]
    public void WritesAreTornAtTheSectorsOfTheFile()
    {
        var disk = new Disk();
        disk.Apply(new Written(File, 3, 500, [.. Enumerable.Repeat((byte)1, 24)]));

        var torn = Cuts(disk, Unsynced.Torn).Select(files => files.GetValueOrDefault(File, [])).ToList();

        Assert.Contains(torn, content => content.Length == 512); // the first sector alone
        Assert.Contains(torn, content => content.Length == 524 && content[500] == 0); // the second alone
    }

    private static Disk Replay(params string[] trace)
    {
        var disk = new Disk();
        SystemCallTrace.Read(trace).ForEach(disk.Apply);
        return disk;
    }

    private static IEnumerable<Dictionary<string, byte[]>> Cuts(Disk disk, Unsynced unsynced)
    {
        var random = new Random(1);
        return Enumerable.Range(0, 50).Select(_ => disk.CutPower(unsynced, random));
    }
}
