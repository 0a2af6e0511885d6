using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Files;
using AkkaCharging.Settings;

namespace AkkaCharging.Callbacks;

/// <summary>
/// Signs callbacks as Standard Webhooks 1.0.0 has it: HMAC-SHA256 of <c>id.timestamp.body</c>, one signature for each
/// active key.
/// </summary>
/// <remarks>
/// The file of keys is read again when it changes, and all keys are swapped at once: a callback carries the signatures
/// of one version of it. A broken, vanished or hanging file keeps the keys in force and is reported.
/// </remarks>
internal sealed class WebhookSigner : IDisposable
{
    private readonly SigningSettings _settings;
    private readonly Action<SigningReload>? _onReload;
    private readonly FileWatch? _watch;

    // Replaced by the one reload that runs at a time, read by any thread.
    private volatile byte[][] _keys;
    private volatile string? _problem;

    /// <summary>Reads the keys and starts watching their file, if there is one.</summary>
    /// <param name="onReload">Called after each reload; must not throw or block.</param>
    /// <exception cref="InvalidSettingsException">The file cannot be read, a line of it is no key, or there are too
    /// many keys.</exception>
    public WebhookSigner(SigningSettings settings, TimeProvider time, Action<SigningReload>? onReload = null)
    {
        (_settings, _onReload) = (settings, onReload);
        _watch = settings.KeysFile.Length > 0 ? new FileWatch(settings.KeysFile, time, Read, ReportUnread) : null;
        _keys = ReadFirst();
        _watch?.Start();
    }

    /// <summary>The state as of the latest reload; null when no file is watched.</summary>
    public SigningReload? FileStatus => _watch is null ? null : new(_keys.Length, _problem);

    /// <summary>The latest look at the file: what a test waits for.</summary>
    internal Task Polling => _watch?.Polling ?? Task.CompletedTask;

    /// <summary>The value of <c>webhook-signature</c>; null without keys.</summary>
    public string? Sign(string id, string timestamp, byte[] body)
    {
        var keys = _keys;
        if (keys.Length == 0)
            return null;
        byte[] signed = [.. Encoding.ASCII.GetBytes($"{id}.{timestamp}."), .. body];
        return string.Join(' ', keys.Select(key => $"v1,{Convert.ToBase64String(HMACSHA256.HashData(key, signed))}"));
    }

    /// <summary>Stops watching at once; a reload in progress has no effect.</summary>
    public void Dispose() => _watch?.Dispose();

    private byte[][] ReadFirst()
    {
        if (_watch is null)
            return SigningKeys.Read(_settings);
        try
        {
            return _watch.ReadFirst(() => SigningKeys.Read(_settings));
        }
        catch (TimeoutException e)
        {
            throw SigningKeys.Unusable(_settings.KeysFile, e.Message, e);
        }
    }

    private FileReading Read()
    {
        try
        {
            var keys = SigningKeys.Read(_settings);
            return new(() => Take(keys, problem: null));
        }
        catch (InvalidSettingsException e)
        {
            var problem = e.Problems.Single();
            return new(() => Take(_keys, problem), e.InnerException is null ? null : problem);
        }
    }

    private void ReportUnread(string problem) =>
        Take(_keys, SigningKeys.Unusable(_settings.KeysFile, problem).Problems.Single());

    private void Take(byte[][] keys, string? problem)
    {
        (_keys, _problem) = (keys, problem);
        _onReload?.Invoke(new(keys.Length, problem));
    }
}

/// <summary>What came of reading the file of keys again.</summary>
/// <param name="Keys">In force, those of the settings among them.</param>
/// <param name="Problem">Why the keys in force are older than the file, without a key; null when they are not.</param>
internal sealed record SigningReload(int Keys, string? Problem);
