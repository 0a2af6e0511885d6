using AkkaCharging.Files;
using AkkaCharging.Journal.Sqlite;

namespace AkkaCharging.Tests.Journal.Sqlite;

[Trait("Category", "Component")]
// one after another: a process being started (mount) holds copies of open locks for a moment
[Collection("SQLite journal")]
public sealed class OwnerLockTests : IAsyncLifetime
{
    private readonly JournalFolder _folder = new();

    private string Beside => _folder.Journal + ".lock";

    private string Name => _folder.Journal + ".owner";

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _folder.DisposeAsync();

    [Fact]
    public void SecondOwner_GetsNone_UntilTheFirstOneLetsGo()
    {
        var first = Take()!;
        Assert.Null(Take());
        Assert.Null(Take()); // the attempt before has released what it had locked

        first.Dispose();

        using var second = Take();
        Assert.NotNull(second);
    }

    [Fact]
    public void Name_IsThereWhileTheLockIsHeld()
    {
        Assert.Equal("another process", OwnerLock.Holder(_folder.Settings));
        using (Take())
            Assert.StartsWith(
                $"process {Environment.ProcessId} on {Environment.MachineName} since ",
                OwnerLock.Holder(_folder.Settings),
                StringComparison.Ordinal
            );

        Assert.False(File.Exists(Name));
    }

    [Fact]
    public void NameOfALaterOwner_IsLeftThere()
    {
        using (Take())
            File.WriteAllText(Name, "process 1 on another machine");

        Assert.Equal("process 1 on another machine", OwnerLock.Holder(_folder.Settings));
    }

    [Fact]
    public void LockFileThatIsRemoved_IsMadeAndLockedAgain_WithTheName()
    {
        using var owner = Take()!;
        Assert.True(owner.TryRenew());
        File.Delete(Beside);
        File.Delete(Name);

        Assert.True(owner.TryRenew());

        Assert.Contains(
            $"process {Environment.ProcessId} ",
            OwnerLock.Holder(_folder.Settings),
            StringComparison.Ordinal
        );
        using var another = OpenBeside();
        Assert.False(FileLock.TryTake(another.SafeFileHandle, start: 0, length: 0));
    }

    [Fact]
    public void LockFileThatAnotherHasMadeAndLocked_IsNotRenewed()
    {
        using var owner = Take()!;
        File.Delete(Beside);
        using var another = OpenBeside();
        Assert.True(FileLock.TryTake(another.SafeFileHandle, start: 0, length: 0));

        Assert.False(owner.TryRenew());
    }

    [Fact]
    public void FailureAfterTheFirstOfTwoLocks_ReleasesIt()
    {
        Directory.CreateDirectory(_folder.Journal); // in place of the database
        Assert.ThrowsAny<Exception>(Take);
        using (var another = OpenBeside())
            Assert.True(FileLock.TryTake(another.SafeFileHandle, start: 0, length: 0));
        Directory.Delete(_folder.Journal);

        using var owner = Take();
        Assert.NotNull(owner);
    }

    [Fact]
    public void FailureAfterBothLocks_ReleasesThem()
    {
        Directory.CreateDirectory(Name); // in place of the file
        Assert.NotNull(Record.Exception(Take));
        Directory.Delete(Name);

        using var owner = Take();
        Assert.NotNull(owner);
    }

    [Fact]
    public void FilesOfALockThatIsNotGot_OrWasRenewed_AreClosed()
    {
        using var owner = Take()!;
        Assert.Null(Take());
        AssertOpenOnce();

        File.Delete(Beside);
        Assert.Null(Take()); // gets the file beside the database, and not the database
        AssertOpenOnce();

        Assert.True(owner.TryRenew());
        AssertOpenOnce();

        void AssertOpenOnce() =>
            Assert.Equal((1, 1), (JournalFolder.OpenHandles(_folder.Journal), JournalFolder.OpenHandles(Beside)));
    }

    private OwnerLock? Take() => OwnerLock.TryTake(_folder.Settings, _folder.Time);

    private FileStream OpenBeside() =>
        new(Beside, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
}
