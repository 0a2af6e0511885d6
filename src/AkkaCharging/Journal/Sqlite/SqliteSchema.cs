using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>The journal's tables, and their migration from older versions.</summary>
internal static class SqliteSchema
{
    /// <summary>Marks the file as a journal of this service: "AKCH".</summary>
    public const long ApplicationId = 0x414B_4348;

    /// <summary>
    /// Maximum size of a file that is checked completely at the start. A larger one would delay recovery; SQLite checks
    /// each page that it uses.
    /// </summary>
    private const long QuickCheckBytesMax = 64 << 20;

    private static readonly string[] Steps = SchemaSteps.Read("Sqlite");

    /// <summary>The version that this build reads and writes.</summary>
    public static int Version => Steps.Length;

    /// <summary>Rejects a file that is not a journal, is corrupt, or was written by a newer version.</summary>
    /// <returns>Whether the file is empty.</returns>
    public static bool CheckIsFresh(SqliteConnection connection, string path)
    {
        var (version, application) = (
            Number(connection, "PRAGMA user_version"),
            Number(connection, "PRAGMA application_id")
        );
        if (version == 0 && Number(connection, "SELECT count(*) FROM sqlite_schema") == 0)
            return true;
        if (application != ApplicationId)
            throw new InvalidJournalException(
                $"{path} is a database of another program; name another file in journal.path."
            );
        if (version > Version)
            throw new InvalidJournalException(
                $"The journal {path} has schema version {version}; this version of the service reads up to "
                    + $"{Version}. Run the version that wrote it, or a newer one."
            );
        if (
            Number(connection, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
                <= QuickCheckBytesMax
            && Text(connection, "PRAGMA quick_check(1)") is var found and not "ok"
        )
        {
            throw new InvalidJournalException(
                $"The journal {path} is corrupt: {found}. Restore it from a backup, or move it away to start "
                    + "with an empty one."
            );
        }

        return false;
    }

    /// <summary>
    /// Says that the tables are of an older version, which the next start migrates; null when they are of this one.
    /// </summary>
    public static string? DescribeOlder(SqliteConnection connection, string path) =>
        SchemaSteps.DescribeOlder($"The journal {path}", Number(connection, "PRAGMA user_version"), Version);

    /// <summary>Migrates the tables to this version, inside the caller's transaction.</summary>
    public static void Migrate(SqliteConnection connection)
    {
        foreach (var step in Steps.Skip((int)Number(connection, "PRAGMA user_version")))
            Run(connection, step);
        Run(connection, $"PRAGMA user_version = {Version}; PRAGMA application_id = {ApplicationId}");
    }

    public static void Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public static long Number(SqliteConnection connection, string sql) => (long)Scalar(connection, sql)!;

    private static string Text(SqliteConnection connection, string sql) => (string)Scalar(connection, sql)!;

    private static object? Scalar(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
