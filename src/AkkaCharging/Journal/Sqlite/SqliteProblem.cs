using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>Describes a problem of the journal's file, for health and logs.</summary>
internal static class SqliteProblem
{
    /// <summary>Checks whether the file is not a database, or is corrupt.</summary>
    public static bool IsCorrupt(SqliteException e) =>
        e.SqliteErrorCode is SQLitePCL.raw.SQLITE_CORRUPT or SQLitePCL.raw.SQLITE_NOTADB;

    /// <summary>Checks whether the disk failed, or is full.</summary>
    public static bool IsOfDisk(Exception e) =>
        e is SqliteException { SqliteErrorCode: SQLitePCL.raw.SQLITE_IOERR or SQLitePCL.raw.SQLITE_FULL };

    public static string Describe(Exception e, string path) =>
        e switch
        {
            InvalidJournalException or JournalMovedException or JournalTakenException or JournalUnavailableException =>
                e.Message,
            SqliteException sqlite =>
                $"The journal {path} {Describe(sqlite)} (SQLite {sqlite.SqliteExtendedErrorCode}).",
            _ => $"The journal {path} cannot be written: {e.Message}",
        };

    private static string Describe(SqliteException e) =>
        e.SqliteErrorCode switch
        {
            SQLitePCL.raw.SQLITE_BUSY or SQLitePCL.raw.SQLITE_LOCKED => "is locked by another process",
            SQLitePCL.raw.SQLITE_FULL => "cannot grow: the disk is full",
            SQLitePCL.raw.SQLITE_READONLY => "is read-only",
            SQLitePCL.raw.SQLITE_CANTOPEN => "cannot be opened",
            SQLitePCL.raw.SQLITE_CORRUPT or SQLitePCL.raw.SQLITE_NOTADB => "is corrupt, or not a database",
            _ => $"cannot be read or written: {e.Message}",
        };
}
