using AkkaCharging.Journal.Sqlite;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Tests.Journal.Sqlite;

[Trait("Category", "Component")]
public sealed class SqliteFileTests : IAsyncLifetime
{
    private const string Create =
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE filler (content)";

    private readonly JournalFolder _folder = new();

    private string Log => _folder.Journal + "-wal";

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _folder.DisposeAsync();

    [Fact]
    public void RealPath_IsThatOfTheFileBehindAllLinks()
    {
        var (link, linkToIt) = (Path.Combine(_folder.Root, "a"), Path.Combine(_folder.Root, "b"));
        File.WriteAllText(_folder.Journal, "");
        File.CreateSymbolicLink(link, _folder.Journal);
        File.CreateSymbolicLink(linkToIt, link);

        Assert.Equal(_folder.Journal, SqliteFile.RealPath(linkToIt));
        Assert.Equal(_folder.Journal, SqliteFile.RealPath(_folder.Journal));
    }

    [Fact]
    public void MissingFile_IsRefused_AndNotMade()
    {
        Assert.Throws<SqliteException>(() => SqliteFile.Connect(_folder.Settings));

        Assert.Empty(Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public void FileThatIsMissing_IsNotCreated()
    {
        Assert.Throws<SqliteException>(() => SqliteFile.OpenExisting(_folder.Settings));

        Assert.False(File.Exists(_folder.Journal));
    }

    [Fact]
    public void Log_IsWrittenOverItself_WhoeverReadsIt()
    {
        using var shell = _folder.Shell($"{Create}; INSERT INTO filler VALUES (randomblob(200000))");
        using var reader = new FileStream(Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var before = File.ReadAllBytes(Log);
        Assert.True(before.Length > 200_000);
        File.SetLastWriteTimeUtc(Log, DateTime.UnixEpoch);

        SqliteFile.WriteLogAgain(_folder.Settings);

        Assert.NotEqual(DateTime.UnixEpoch, File.GetLastWriteTimeUtc(Log));
        Assert.Equal(before, File.ReadAllBytes(Log));
    }

    [Fact]
    public void LogThatAnotherMayWriteTo_CountsAsNotEmptied()
    {
        using var connection = _folder.Shell(Create);
        using (_folder.Shell("BEGIN IMMEDIATE"))
            Assert.False(SqliteFile.TryEmptyLog(connection));

        Assert.True(SqliteFile.TryEmptyLog(connection));
    }

    [Fact]
    public void LogThatAnotherReads_IsNotEmptied()
    {
        using var connection = _folder.Shell(Create);
        using (_folder.Shell("BEGIN; SELECT count(*) FROM filler"))
        {
            SqliteSchema.Run(connection, "INSERT INTO filler VALUES ('of which it knows nothing')");
            Assert.False(SqliteFile.TryEmptyLog(connection));
        }

        Assert.True(SqliteFile.TryEmptyLog(connection));
    }
}
