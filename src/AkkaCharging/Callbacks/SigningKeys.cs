using AkkaCharging.Files;
using AkkaCharging.Settings;

namespace AkkaCharging.Callbacks;

/// <summary>Reads the keys that callbacks are signed with.</summary>
internal static class SigningKeys
{
    /// <summary>
    /// Maximum number of keys. Each adds 48 characters to a header of every callback; a rotation needs two.
    /// </summary>
    public const int KeysMax = 16;

    private const string Prefix = "whsec_";
    private const int FileCharsMax = 65_536;

    /// <summary>Returns the keys of the settings, then those of the key file, which has one per line.</summary>
    /// <exception cref="InvalidSettingsException">There are too many keys, or the key file has no key or an invalid
    /// line, or cannot be read (only then there is an inner exception). No message contains a key.</exception>
    public static byte[][] Read(SigningSettings settings)
    {
        byte[][] keys =
        [
            .. settings.Keys.Select(Decode),
            .. settings.KeysFile.Length > 0 ? ReadFile(settings.KeysFile) : [],
        ];
        return keys.Length <= KeysMax
            ? keys
            : throw new InvalidSettingsException([
                $"callback.signing names {keys.Length} keys; expected at most {KeysMax}.",
            ]);
    }

    /// <summary>Creates the exception for a key file that cannot be used.</summary>
    public static InvalidSettingsException Unusable(string path, string problem, Exception? cause = null) =>
        new(
            [
                $"callback.signing.keysFile = '{ShownValue.OfFile(path)}' cannot be used ({problem}); "
                    + "expected one key per line: whsec_ and 24 to 64 bytes in base64.",
            ],
            cause
        );

    private static List<byte[]> ReadFile(string path)
    {
        try
        {
            var text =
                RegularFile.ReadText(path, FileCharsMax)
                ?? throw Unusable(path, $"it is longer than {FileCharsMax} characters");
            var lines = text.Split('\n', StringSplitOptions.TrimEntries)
                .Index()
                .Where(line => line.Item.Length > 0)
                .ToList();
            return lines.Count > 0
                ? lines.ConvertAll(line =>
                    TryDecode(line.Item) ?? throw Unusable(path, $"line {line.Index + 1} is not a key")
                )
                : throw Unusable(path, "it contains no key");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(path, ShownValue.Reason(e, path), e);
        }
    }

    private static byte[] Decode(string key) =>
        TryDecode(key) ?? throw new FormatException("A key is whsec_ and the base64 of 24 to 64 bytes.");

    private static byte[]? TryDecode(string key)
    {
        var bytes = new byte[64];
        return
            key.StartsWith(Prefix, StringComparison.Ordinal)
            && Convert.TryFromBase64String(key[Prefix.Length..], bytes, out var length)
            && length >= 24
            ? bytes[..length]
            : null;
    }
}
