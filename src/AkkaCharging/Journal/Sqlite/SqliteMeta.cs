using AkkaCharging.Journal.Encryption;
using AkkaCharging.Settings;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>Reads and writes the owner, the clock, the hash secret and the keys of a journal.</summary>
internal static class SqliteMeta
{
    /// <summary>SQL query for the number of the last owner.</summary>
    public const string OwnerEpoch = "SELECT value FROM meta WHERE name = 'owner_epoch'";

    private const string Keep = "INSERT OR REPLACE INTO meta (name, value) VALUES ($0, $1)";

    /// <summary>Reads the sealed hash secret.</summary>
    /// <exception cref="InvalidJournalException">The hash secret is missing.</exception>
    public static byte[] ReadWrapped(SqliteConnection connection)
    {
        using var secret = new PreparedQuery(connection, "SELECT value FROM meta WHERE name = 'hash_secret'");
        return secret.First(found => found.GetFieldValue<byte[]>(0)) ?? throw JournalSecrets.Missing();
    }

    /// <summary>Reads the secrets.</summary>
    /// <exception cref="InvalidJournalException">The key is missing.</exception>
    public static JournalSecrets ReadSecrets(SqliteConnection connection, JournalSettings settings)
    {
        var wrapped = ReadWrapped(connection);
        return JournalSecrets.Open(KeySource.Load(settings, KeyRing.KeyIdOf(wrapped)), wrapped);
    }

    /// <summary>Reads the clock stored by <see cref="JournalClock.Save"/>; null when there is none.</summary>
    public static string? ReadClock(SqliteConnection connection)
    {
        using var clock = new PreparedQuery(connection, "SELECT value FROM meta WHERE name = 'clock'");
        return clock.First(found => found.GetString(0));
    }

    /// <summary>Assigns the next owner number.</summary>
    /// <param name="mine">The number of an owner that opens the journal again; null for a new one.</param>
    /// <returns>The number of this owner.</returns>
    /// <exception cref="JournalTakenException">There was a later owner than <paramref name="mine"/>.</exception>
    public static long TakeOver(SqliteConnection connection, string path, long? mine)
    {
        using var last = new PreparedQuery(connection, OwnerEpoch);
        var found = last.First(row => row.GetInt64(0));
        if (mine is { } epoch)
            return epoch == found ? epoch : throw new JournalTakenException(path);
        using var keep = new PreparedQuery(connection, Keep);
        keep.Run("owner_epoch", found + 1);
        return found + 1;
    }

    /// <summary>Returns the used keys that are no longer configured.</summary>
    /// <exception cref="InvalidJournalException">Rows still need one of them.</exception>
    public static List<string> FindRetired(SqliteConnection connection, KeyRing keys)
    {
        using var used = new PreparedQuery(connection, "SELECT id FROM encryption_key");
        using var needed = new PreparedQuery(
            connection,
            "SELECT 1 FROM request WHERE substr(secrets, 1, 8) = $0 LIMIT 1"
        );
        var retired = used.All(found => found.GetString(0)).Where(id => !keys.Contains(id)).ToList();
        return retired.Find(id => needed.First(_ => true, Convert.FromHexString(id))) is { } missing
            ? throw JournalSecrets.KeyIsMissing(missing)
            : retired;
    }

    /// <summary>Seals the hash secret with the first key, and lists that key as used.</summary>
    /// <exception cref="InvalidJournalException">Rows still need a key that is no longer configured.</exception>
    public static void Register(SqliteConnection connection, JournalSecrets secrets, TimeProvider time)
    {
        using var forget = new PreparedQuery(connection, "DELETE FROM encryption_key WHERE id = $0");
        foreach (var id in FindRetired(connection, secrets.Keys))
            forget.Run(id);
        using var register = new PreparedQuery(connection, "INSERT OR IGNORE INTO encryption_key (id) VALUES ($0)");
        register.Run(secrets.Keys.WritingKeyId);
        using var keep = new PreparedQuery(connection, Keep);
        keep.Run("hash_secret", secrets.Wrap());
        keep.Run("opened_at", time.GetUtcNow().UtcTicks);
    }
}
