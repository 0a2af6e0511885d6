using System.Data;
using AkkaCharging.Settings;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>Opens connections to the journal's file.</summary>
internal static class SqliteFile
{
    /// <summary>
    /// Returns the real path of the file, next to which SQLite and the service create their files;
    /// <paramref name="path"/> may be a symbolic link.
    /// </summary>
    public static string RealPath(string path) =>
        new FileInfo(path) is { LinkTarget: not null } link
            ? link.ResolveLinkTarget(returnFinalTarget: true)!.FullName
            : Path.GetFullPath(path);

    /// <summary>Opens a connection to a file that is known to be a journal.</summary>
    public static SqliteConnection OpenExisting(JournalSettings settings)
    {
        var connection = Connect(settings);
        try
        {
            Configure(connection, settings);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Opens a connection that changes nothing by itself, to check whether the file is a journal. A missing file is an
    /// error, because <see cref="OwnerLock"/> creates it.
    /// </summary>
    public static SqliteConnection Connect(JournalSettings settings) => Open(settings, SqliteOpenMode.ReadWrite);

    /// <summary>Opens a read-only connection, which may be used while the owner has the file open.</summary>
    public static SqliteConnection ConnectReadOnly(JournalSettings settings) => Open(settings, SqliteOpenMode.ReadOnly);

    /// <summary>
    /// Configures a connection: checkpoints run on their own thread, erased secrets are overwritten instead of only
    /// unlinked, and a log that has grown is truncated.
    /// </summary>
    public static void Configure(SqliteConnection connection, JournalSettings settings) =>
        SqliteSchema.Run(
            connection,
            $"PRAGMA busy_timeout = 100; PRAGMA journal_mode = WAL; PRAGMA synchronous = {settings.Synchronous}; "
                + "PRAGMA wal_autocheckpoint = 0; "
                + "PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384"
        );

    /// <summary>
    /// Writes the log over itself and syncs it. Called inside a write transaction, so that nobody else changes the log.
    /// </summary>
    /// <remarks>
    /// After a failed sync, the system goes on showing content that is not on the disk, and no later sync writes it,
    /// because it counts as written (docs/decisions/0017). SQLite recovers such content from a log that an earlier
    /// process left, and appends commits that a power cut then cuts off.
    /// </remarks>
    /// <exception cref="IOException">The disk rejects the operation.</exception>
    public static void WriteLogAgain(JournalSettings settings)
    {
        using var log = File.OpenHandle(
            RealPath(settings.Path) + "-wal",
            FileMode.Open,
            FileAccess.ReadWrite,
            FileShare.ReadWrite | FileShare.Delete
        );
        var part = new byte[1 << 16];
        for (var at = 0L; RandomAccess.Read(log, part, at) is > 0 and var read; at += read)
            RandomAccess.Write(log, part.AsSpan(0, read), at);
        RandomAccess.FlushToDisk(log);
    }

    /// <summary>
    /// Checkpoints the whole log into the database, even a log whose file was removed, because the connection still has
    /// it open.
    /// </summary>
    /// <returns>False when a reader prevented a part of it.</returns>
    public static bool TryEmptyLog(SqliteConnection connection)
    {
        using var checkpoint = new PreparedQuery(connection, "PRAGMA wal_checkpoint(FULL)");
        return checkpoint.First(found =>
            found.GetInt64("busy") == 0 && found.GetInt64("log") == found.GetInt64("checkpointed")
        );
    }

    /// <summary>Writes a copy of the journal as a connection sees it, wherever its file lies now.</summary>
    /// <param name="path">Path of an empty file.</param>
    public static void SaveAs(SqliteConnection connection, string path)
    {
        using var copy = new PreparedWrite(connection, "VACUUM INTO $0");
        copy.Run(path);
    }

    /// <summary>Leaves the log as it is when <paramref name="connection"/> is closed as the last one.</summary>
    public static void KeepLog(SqliteConnection connection) =>
        raw.sqlite3_db_config(connection.Handle, raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, out _);

    private static SqliteConnection Open(JournalSettings settings, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder
            {
                DataSource = settings.Path,
                Mode = mode,
                Pooling = false,
                DefaultTimeout = 1, // seconds that the driver retries while another process holds the database
            }.ConnectionString
        );
        try
        {
            connection.Open();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }
}
