using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Settings;

namespace AkkaCharging.Callbacks;

/// <summary>
/// Signs callbacks according to Standard Webhooks 1.0.0: HMAC-SHA256 of <c>id.timestamp.body</c>, one signature for
/// each active key.
/// </summary>
/// <remarks>
/// The key file is read again when it changes, and all keys are replaced at once: a callback carries the signatures of
/// one version of the file. When the file is broken, missing or does not respond, the current keys stay in force and
/// the problem is reported.
/// </remarks>
internal sealed class WebhookSigner : IDisposable
{
    private readonly WatchedFiles<byte[][]> _keys;

    /// <summary>Reads the keys and starts watching their file, if there is one.</summary>
    /// <param name="onReload">Called after each reload; must not throw or block.</param>
    /// <exception cref="InvalidSettingsException">The file cannot be read, has a line that is not a key, or has too
    /// many keys.</exception>
    public WebhookSigner(SigningSettings settings, TimeProvider time, Action<SigningReload>? onReload = null) =>
        _keys = new(
            settings.KeysFile.Length > 0 ? [settings.KeysFile] : [],
            time,
            () => SigningKeys.Read(settings),
            (path, problem) => SigningKeys.Unusable(path, problem),
            (keys, problem) => onReload?.Invoke(new(keys.Length, problem))
        );

    /// <summary>The status after the latest reload; null when no file is watched.</summary>
    public SigningReload? FileStatus => _keys.IsWatching ? new(_keys.Current.Length, _keys.Problem) : null;

    /// <summary>The latest poll of the file, for tests to await.</summary>
    internal Task Polling => _keys.Polling;

    /// <summary>Returns the value of <c>webhook-signature</c>; null without keys.</summary>
    public string? Sign(string id, string timestamp, byte[] body)
    {
        var keys = _keys.Current;
        if (keys.Length == 0)
            return null;
        byte[] signed = [.. Encoding.ASCII.GetBytes($"{id}.{timestamp}."), .. body];
        return string.Join(' ', keys.Select(key => $"v1,{Convert.ToBase64String(HMACSHA256.HashData(key, signed))}"));
    }

    /// <summary>Stops watching at once; a reload in progress has no effect.</summary>
    public void Dispose() => _keys.Dispose();
}

/// <summary>Result of the latest reload of the file of signing keys.</summary>
/// <param name="Keys">Number of keys in force, including those of the settings.</param>
/// <param name="Problem">Why the keys in force are older than the file, without quoting a key; null when they are
/// current.</param>
internal sealed record SigningReload(int Keys, string? Problem);
