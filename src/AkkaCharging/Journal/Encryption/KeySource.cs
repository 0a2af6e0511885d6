using AkkaCharging.Files;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Encryption;

/// <summary>Finds the keys of a journal: from the settings, a file, or generated next to a new journal.</summary>
internal static class KeySource
{
    /// <summary>
    /// Returns the keys of <c>journal.encryptionKeys</c>, then those of <c>journal.encryptionKeyFile</c>; none when
    /// neither is set.
    /// </summary>
    /// <exception cref="InvalidJournalException">The file is missing, may not be read, or does not contain
    /// keys.</exception>
    public static IReadOnlyList<EncryptionKey> Configured(JournalSettings settings) =>
        [
            .. settings.EncryptionKeys.Select(text =>
                EncryptionKey.TryParse(text)
                ?? throw new InvalidJournalException(
                    "journal.encryptionKeys contains an invalid key; expected 32 bytes in base64."
                )
            ),
            .. settings.EncryptionKeyFile.Length > 0 ? ReadFile(settings.EncryptionKeyFile) : [],
        ];

    /// <summary>Returns the keys of a journal that uses no generated key.</summary>
    /// <exception cref="InvalidJournalException">No key is configured, or a key file is invalid.</exception>
    public static KeyRing Required(JournalSettings settings) =>
        Configured(settings) is { Count: > 0 } keys
            ? new(keys)
            : throw new InvalidJournalException(
                "journal.kind = postgres needs a key; name it in journal.encryptionKeys or journal.encryptionKeyFile."
            );

    /// <summary>Returns the configured keys, then the key generated next to the journal.</summary>
    /// <param name="keyIdInUse">The id of the key that the journal needs; null when the journal is new. Then a key is
    /// generated if none is configured.</param>
    /// <remarks>
    /// A generated key can still decrypt after other keys were configured, so that a journal can move from one to the
    /// other.
    /// </remarks>
    /// <exception cref="InvalidJournalException">The journal is not new and there is no key, or a key file is
    /// invalid.</exception>
    public static KeyRing Load(JournalSettings settings, string? keyIdInUse)
    {
        var configured = Configured(settings);
        var generated = GeneratedFile(settings);
        if (configured.Count == 0 && !File.Exists(generated))
        {
            if (keyIdInUse is not null)
            {
                throw new InvalidJournalException(
                    $"The journal {settings.Path} is encrypted with key {keyIdInUse}, and {generated} is "
                        + "missing: put it back, or name the key in journal.encryptionKeys."
                );
            }

            // SQLite syncs the folder when it creates the write-ahead log in it, after this and before the first row:
            // no row outlives its key.
            PrivateFile.Create(generated, EncryptionKey.Generate());
        }

        return new([.. configured, .. File.Exists(generated) ? ReadFile(generated) : []]);
    }

    /// <summary>
    /// Returns the path of the generated key, which lies next to the journal's path or next to the file that a symbolic
    /// link leads to.
    /// </summary>
    public static string GeneratedFile(JournalSettings settings) =>
        File.Exists(settings.Path + ".key") ? settings.Path + ".key" : SqliteFile.RealPath(settings.Path) + ".key";

    /// <summary>Checks whether a journal needs its generated key, because none is configured.</summary>
    public static bool NeedsGenerated(JournalSettings settings) =>
        settings.EncryptionKeys.Count == 0 && settings.EncryptionKeyFile.Length == 0;

    /// <summary>Writes the file of the generated key again, if it was removed while a process has the key.</summary>
    public static void PutBack(string path, KeyRing keys)
    {
        if (!File.Exists(path))
            PrivateFile.Create(path, string.Join('\n', keys.Keys.Select(key => key.Text)));
    }

    private static List<EncryptionKey> ReadFile(string path)
    {
        try
        {
            var keys = File.ReadLines(path)
                .Index()
                .Where(line => line.Item.Trim().Length > 0)
                .Select(line =>
                    EncryptionKey.TryParse(line.Item.Trim())
                    ?? throw new InvalidJournalException(
                        $"{ShownValue.OfFile(path)}:{line.Index + 1} is not a key; expected 32 bytes in base64."
                    )
                )
                .ToList();
            return keys.Count > 0
                ? keys
                : throw new InvalidJournalException(
                    $"{ShownValue.OfFile(path)} contains no key; expected 32 bytes in base64, one key per line."
                );
        }
        catch (Exception e)
            when (e is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            throw new InvalidJournalException(
                $"The key file {ShownValue.OfFile(path)} cannot be read: {ShownValue.Reason(e, path)}",
                e
            );
        }
    }
}
