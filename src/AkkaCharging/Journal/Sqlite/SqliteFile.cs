using AkkaCharging.Settings;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>Opens connections to the journal's file.</summary>
internal static class SqliteFile
{
    /// <summary>
    /// Where the file itself lies, beside which SQLite and the service keep theirs: <paramref name="path"/> may be a
    /// symbolic link.
    /// </summary>
    public static string RealPath(string path) =>
        new FileInfo(path) is { LinkTarget: not null } link
            ? link.ResolveLinkTarget(returnFinalTarget: true)!.FullName
            : Path.GetFullPath(path);

    /// <summary>A connection to a journal that is known to be one.</summary>
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
    /// A connection that has changed nothing yet, to look whether the file is a journal. A missing file is an error:
    /// <see cref="OwnerLock"/> makes it.
    /// </summary>
    public static SqliteConnection Connect(JournalSettings settings) => Open(settings, SqliteOpenMode.ReadWrite);

    /// <summary>A connection that cannot change a journal, beside its owner or without one.</summary>
    public static SqliteConnection ConnectReadOnly(JournalSettings settings) => Open(settings, SqliteOpenMode.ReadOnly);

    /// <summary>
    /// Checkpoints have their own thread; erased secrets are overwritten, not only unlinked; a log that grew once is
    /// cut again.
    /// </summary>
    public static void Configure(SqliteConnection connection, JournalSettings settings) =>
        SqliteSchema.Run(
            connection,
            $"PRAGMA busy_timeout = 100; PRAGMA journal_mode = WAL; PRAGMA synchronous = {settings.Synchronous}; "
                + "PRAGMA wal_autocheckpoint = 0; "
                + "PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384"
        );

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
