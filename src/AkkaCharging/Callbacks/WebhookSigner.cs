using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Settings;

namespace AkkaCharging.Callbacks;

/// <summary>Signs callbacks as Standard Webhooks 1.0.0 has it: HMAC-SHA256 of <c>id.timestamp.body</c>, one signature for each active key.</summary>
internal sealed class WebhookSigner
{
    private const string Prefix = "whsec_";
    private readonly byte[][] _keys;

    private WebhookSigner(byte[][] keys) => _keys = keys;

    /// <summary>Takes the keys of the settings and of their file, one a line.</summary>
    /// <exception cref="InvalidSettingsException">The file cannot be read, or a line of it is no key.</exception>
    public static WebhookSigner Create(SigningSettings settings) =>
        new([.. settings.Keys.Select(Decode), .. FromFile(settings)]);

    /// <summary>The value of <c>webhook-signature</c>; null without keys.</summary>
    public string? Sign(string id, string timestamp, byte[] body)
    {
        if (_keys.Length == 0)
            return null;
        byte[] signed = [.. Encoding.ASCII.GetBytes($"{id}.{timestamp}."), .. body];
        return string.Join(' ', _keys.Select(key => $"v1,{Convert.ToBase64String(HMACSHA256.HashData(key, signed))}"));
    }

    private static List<byte[]> FromFile(SigningSettings settings)
    {
        if (settings.KeysFile.Length == 0)
            return [];
        try
        {
            var lines = File.ReadAllLines(settings.KeysFile).Select(line => line.Trim()).Where(line => line.Length > 0).ToList();
            return lines is { Count: > 0 } ? lines.Select(Decode).ToList() : throw new FormatException("no key in it");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new InvalidSettingsException([$"callback.signing.keysFile = '{settings.KeysFile}' cannot be used ({e.Message}); expected one whsec_<base64> key a line."]);
        }
    }

    private static byte[] Decode(string key) =>
        key.StartsWith(Prefix, StringComparison.Ordinal) && Convert.FromBase64String(key[Prefix.Length..]) is { Length: >= 24 and <= 64 } bytes
            ? bytes
            : throw new FormatException("a key is whsec_ and the base64 of 24 to 64 bytes");
}
