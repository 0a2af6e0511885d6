using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>The journal's tables, and how those of an older version become them.</summary>
internal static class SqliteSchema
{
    /// <summary>Marks the file as a journal of this service: "AKCH".</summary>
    public const long ApplicationId = 0x414B_4348;

    /// <summary>
    /// Larger files are not read through at start, because recovery must not wait; SQLite checks each page that it
    /// uses.
    /// </summary>
    private const long QuickCheckBytesMax = 64 << 20;

    // Step n leads from version n to n + 1. Steps are only ever added.
    private static readonly string[] Steps =
    [
        """
            CREATE TABLE request (
                seq INTEGER PRIMARY KEY,            -- order of acceptance
                id BLOB NOT NULL UNIQUE,
                station TEXT NOT NULL,
                token_masked TEXT NOT NULL,
                token_fingerprint BLOB NOT NULL,
                destination TEXT NOT NULL,          -- scheme://host:port
                secrets BLOB,                       -- driver token and callback URL, encrypted; null once delivered or expired
                api_key TEXT,
                accepted_at INTEGER NOT NULL,       -- times in ticks of 100 ns
                expires_at INTEGER NOT NULL,
                trace TEXT,
                state TEXT NOT NULL,
                status TEXT,
                reason TEXT,
                decided_at INTEGER,
                settled_at INTEGER,
                attempts TEXT NOT NULL DEFAULT '',
                attempts_made INTEGER NOT NULL DEFAULT 0
            );
            CREATE INDEX request_unsettled ON request(seq) WHERE settled_at IS NULL;
            CREATE INDEX request_settled ON request(settled_at) WHERE settled_at IS NOT NULL;
            CREATE TABLE idempotency (key_hash TEXT PRIMARY KEY, body_hash TEXT NOT NULL, id BLOB NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
            CREATE INDEX idempotency_until ON idempotency(until);
            CREATE TABLE encryption_key (id TEXT PRIMARY KEY) WITHOUT ROWID;
            CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
            """,
        """
            ALTER TABLE request ADD COLUMN redriven_at INTEGER; -- last time; null for a request that never was a dead letter, or was not redriven
            CREATE INDEX request_dead ON request(settled_at, id) WHERE settled_at IS NOT NULL AND secrets IS NOT NULL;
            CREATE INDEX request_dead_destination ON request(destination, settled_at, id) WHERE settled_at IS NOT NULL AND secrets IS NOT NULL;
            """,
    ];

    /// <summary>The version that this build reads and writes.</summary>
    public static int Version => Steps.Length;

    /// <summary>Refuses what is not a journal, is broken, or was written by a newer version.</summary>
    /// <returns>Whether there is nothing in the file yet.</returns>
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

    /// <summary>Brings the tables to this version; inside the caller's transaction.</summary>
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
