using System.Text;
using AkkaCharging.Files;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Encryption;

/// <summary>Finds the keys of a journal: settings, a file, or one generated beside a fresh journal.</summary>
internal static class KeySource
{
    /// <summary>
    /// The keys of <c>journal.encryptionKeys</c>, then those of <c>journal.encryptionKeyFile</c>; none when neither is
    /// set.
    /// </summary>
    /// <exception cref="InvalidJournalException">The file is missing, may not be read, or holds something else than
    /// keys.</exception>
    public static IReadOnlyList<EncryptionKey> Configured(JournalSettings settings) =>
        [
            .. settings.EncryptionKeys.Select(text =>
                EncryptionKey.TryParse(text)
                ?? throw new InvalidJournalException(
                    "journal.encryptionKeys holds something else than keys; expected 32 bytes in base64 each."
                )
            ),
            .. settings.EncryptionKeyFile.Length > 0 ? ReadFile(settings.EncryptionKeyFile) : [],
        ];

    /// <summary>The keys of a journal beside which none is generated.</summary>
    /// <exception cref="InvalidJournalException">There is none, or a file is not as it should be.</exception>
    public static KeyRing Required(JournalSettings settings) =>
        Configured(settings) is { Count: > 0 } keys
            ? new(keys)
            : throw new InvalidJournalException(
                "journal.kind = postgres needs a key; name it in journal.encryptionKeys or journal.encryptionKeyFile."
            );

    /// <summary>The configured keys, then the one that was generated beside the journal.</summary>
    /// <param name="keyIdInUse">The key that the journal needs; null when it is fresh, and then one is generated if
    /// there is none.</param>
    /// <remarks>
    /// A generated key still reads after other keys were configured: that is how a journal moves from one to the other.
    /// </remarks>
    /// <exception cref="InvalidJournalException">The journal is not fresh and there is no key at all, or a file is not
    /// as it should be.</exception>
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

            Write(generated, EncryptionKey.Generate());
        }

        return new([.. configured, .. File.Exists(generated) ? ReadFile(generated) : []]);
    }

    /// <summary>
    /// The key beside the journal: where it lies by the journal's name, or beside the file that a symbolic link leads
    /// to.
    /// </summary>
    public static string GeneratedFile(JournalSettings settings) =>
        File.Exists(settings.Path + ".key") ? settings.Path + ".key" : SqliteFile.RealPath(settings.Path) + ".key";

    /// <summary>Whether a journal needs the key that was generated beside it, because none is configured.</summary>
    public static bool NeedsGenerated(JournalSettings settings) =>
        settings.EncryptionKeys.Count == 0 && settings.EncryptionKeyFile.Length == 0;

    /// <summary>Writes the file of the generated key again, when it was removed under a process that has it.</summary>
    public static void PutBack(string path, KeyRing keys)
    {
        if (!File.Exists(path))
            Write(path, string.Join('\n', keys.Keys.Select(key => key.Text)));
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
                    $"{ShownValue.OfFile(path)} holds no key; expected 32 bytes in base64, one key a line."
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

    /// <remarks>
    /// Under another name first, so that a crash leaves a whole key or none. SQLite syncs the directory when it creates
    /// its write-ahead log beside it, after this and before the first row, so that no row outlives its key.
    /// </remarks>
    private static void Write(string path, string keys)
    {
        var unfinished = path + ".new";
        File.Delete(unfinished);
        using (var file = PrivateFile.Open(unfinished, FileMode.CreateNew, FileAccess.Write, FileShare.None))
        {
            file.Write(Encoding.ASCII.GetBytes(keys + "\n"));
            file.Flush(flushToDisk: true);
        }

        File.Move(unfinished, path);
    }
}
