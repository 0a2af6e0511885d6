using System.Text;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Encryption;

/// <summary>Finds the keys of a journal: settings, a file, or one generated beside a fresh journal.</summary>
internal static class KeySource
{
    /// <summary>The keys of <c>journal.encryptionKeys</c>, then those of <c>journal.encryptionKeyFile</c>; none when neither is set.</summary>
    /// <exception cref="InvalidJournalException">The file is missing, may not be read, or holds something else than keys.</exception>
    public static IReadOnlyList<EncryptionKey> Configured(JournalSettings settings) =>
    [
        .. settings.EncryptionKeys.Select(text => EncryptionKey.TryParse(text)
            ?? throw new InvalidJournalException("journal.encryptionKeys holds something else than keys; expected 32 bytes in base64 each.")),
        .. settings.EncryptionKeyFile.Length > 0 ? ReadFile(settings.EncryptionKeyFile) : [],
    ];

    /// <summary>The keys of a journal beside which none is generated.</summary>
    /// <exception cref="InvalidJournalException">There is none, or a file is not as it should be.</exception>
    public static KeyRing Required(JournalSettings settings) => Configured(settings) is { Count: > 0 } keys
        ? new(keys)
        : throw new InvalidJournalException("journal.kind = postgres needs a key; name it in journal.encryptionKeys or journal.encryptionKeyFile.");

    /// <summary>The configured keys, then the one that was generated beside the journal.</summary>
    /// <param name="keyIdInUse">The key that the journal needs; null when it is fresh, and then one is generated if there is none.</param>
    /// <remarks>A generated key still reads after other keys were configured: that is how a journal moves from one to the other.</remarks>
    /// <exception cref="InvalidJournalException">The journal is not fresh and there is no key at all, or a file is not as it should be.</exception>
    public static KeyRing Load(JournalSettings settings, string? keyIdInUse)
    {
        var configured = Configured(settings);
        var generated = settings.Path + ".key";
        if (configured.Count == 0 && !File.Exists(generated))
        {
            if (keyIdInUse is not null)
            {
                throw new InvalidJournalException(
                    $"The journal {settings.Path} is encrypted with key {keyIdInUse}, and {generated} is missing: put it back, or name the key in journal.encryptionKeys.");
            }

            Generate(generated);
        }

        return new([.. configured, .. File.Exists(generated) ? ReadFile(generated) : []]);
    }

    private static List<EncryptionKey> ReadFile(string path)
    {
        try
        {
            var keys = File.ReadLines(path).Index().Where(line => line.Item.Trim().Length > 0).Select(line => EncryptionKey.TryParse(line.Item.Trim())
                ?? throw new InvalidJournalException($"{path}:{line.Index + 1} is not a key; expected 32 bytes in base64.")).ToList();
            return keys.Count > 0 ? keys : throw new InvalidJournalException($"{path} holds no key; expected 32 bytes in base64, one key a line.");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            throw new InvalidJournalException($"The key file {path} cannot be read: {e.Message}", e);
        }
    }

    /// <remarks>
    /// Under another name first, so that a crash leaves a whole key or none. SQLite syncs the directory when it creates its write-ahead log beside it, after
    /// this and before the first row, so that no row outlives its key.
    /// </remarks>
    private static void Generate(string path)
    {
        var unfinished = path + ".new";
        File.Delete(unfinished);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(unfinished, options))
        {
            file.Write(Encoding.ASCII.GetBytes(EncryptionKey.Generate() + "\n"));
            file.Flush(flushToDisk: true);
        }

        File.Move(unfinished, path);
    }
}
