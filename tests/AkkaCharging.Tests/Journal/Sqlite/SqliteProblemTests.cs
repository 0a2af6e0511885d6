using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using Microsoft.Data.Sqlite;
using static SQLitePCL.raw;

namespace AkkaCharging.Tests.Journal.Sqlite;

[Trait("Category", "Unit")]
public sealed class SqliteProblemTests
{
    private const string Journal = "/journal.db";

    [Fact]
    public void ProblemsOfTheJournal_AreToldByThemselves_AndOthersWithTheFile()
    {
        Exception[] own =
        [
            new InvalidJournalException("it is of another program"),
            new JournalMovedException("it was removed"),
            new JournalTakenException(Journal),
            new JournalUnavailableException("it is away"),
        ];

        Assert.All(own, problem => Assert.Equal(problem.Message, SqliteProblem.Describe(problem, Journal)));
        Assert.Equal(
            "The journal /journal.db cannot be written: it has no name",
            SqliteProblem.Describe(new IOException("it has no name"), Journal)
        );
    }

    [Theory]
    [InlineData(SQLITE_BUSY, "is locked by another process", false, false)]
    [InlineData(SQLITE_LOCKED, "is locked by another process", false, false)]
    [InlineData(SQLITE_FULL, "cannot grow: the disk is full", true, false)]
    [InlineData(SQLITE_READONLY, "is read-only", false, false)]
    [InlineData(SQLITE_CANTOPEN, "cannot be opened", false, false)]
    [InlineData(SQLITE_CORRUPT, "is corrupt, or not a database", false, true)]
    [InlineData(SQLITE_NOTADB, "is corrupt, or not a database", false, true)]
    [InlineData(SQLITE_IOERR, "cannot be read or written: planted", true, false)]
    public void ErrorsOfSqlite_AreToldInWords(int code, string words, bool isOfDisk, bool isCorrupt)
    {
        var error = new SqliteException("planted", code);

        Assert.Equal($"The journal /journal.db {words} (SQLite {code}).", SqliteProblem.Describe(error, Journal));
        Assert.Equal((isOfDisk, isCorrupt), (SqliteProblem.IsOfDisk(error), SqliteProblem.IsCorrupt(error)));
    }
}
