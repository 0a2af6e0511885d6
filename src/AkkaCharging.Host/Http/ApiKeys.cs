using AkkaCharging.Settings;

namespace AkkaCharging.Host.Http;

/// <summary>
/// Who may submit: the keys of <c>server.apiKeys</c> and <c>server.apiKeysFile</c>, by <c>X-Api-Key</c> or
/// <c>Authorization: Bearer</c>.
/// </summary>
/// <remarks>
/// A changed file takes effect without a restart. Names whose rate limit did not change keep what is left of it, so
/// that adding a key gives no caller a fresh burst.
/// </remarks>
internal sealed class ApiKeys : IDisposable
{
    private readonly TimeProvider _time;
    private readonly WatchedFiles<Table> _keys;

    /// <summary>Reads the keys and starts watching their file, if there is one.</summary>
    /// <param name="onReload">Called after each reload; must not throw or block.</param>
    /// <exception cref="InvalidSettingsException">The file cannot be used.</exception>
    public ApiKeys(ServerSettings settings, TimeProvider time, Action<ApiKeyReload>? onReload = null)
    {
        (_time, AreRequired) = (time, settings.NeedsApiKey);
        _keys = new(
            settings.ApiKeysFile.Length > 0 ? [settings.ApiKeysFile] : [],
            time,
            () => TableOf(ApiKeyFile.ReadAll(settings), _keys?.Current.Rates),
            (path, problem) => ApiKeyFile.Unusable(path, problem),
            (table, problem) => onReload?.Invoke(new(table.Keys.Count, problem))
        );
    }

    /// <summary>False when no key is configured: then anybody may submit.</summary>
    public bool AreRequired { get; }

    /// <summary>State as of the latest reload; null when no file is watched.</summary>
    public ApiKeyReload? FileStatus => _keys.IsWatching ? new(_keys.Current.Keys.Count, _keys.Problem) : null;

    /// <summary>The latest look at the file, for tests to wait for.</summary>
    internal Task Polling => _keys.Polling;

    /// <summary>Caller that sent <paramref name="request"/>; null for a missing or unknown key.</summary>
    public ApiKeyCaller? Identify(HttpRequest request) => _keys.Current.Keys.OwnerOf(Presented(request));

    /// <summary>Stops watching at once; a reload in progress has no effect.</summary>
    public void Dispose() => _keys.Dispose();

    private Table TableOf(IReadOnlyList<ApiKeySettings> keys, Dictionary<string, CallerRate>? before)
    {
        // Two keys of one name are one caller while they are rotated, and share its rate.
        var rates = keys.GroupBy(key => key.Name, StringComparer.Ordinal)
            .Select(named => (Name: named.Key, PerSecond: named.Max(key => key.RequestsPerSecond)))
            .Where(named => named.PerSecond > 0)
            .ToDictionary(
                named => named.Name,
                named =>
                    before?.GetValueOrDefault(named.Name) is { } rate && rate.PerSecond.Equals(named.PerSecond)
                        ? rate
                        : new CallerRate(named.PerSecond, _time),
                StringComparer.Ordinal
            );
        return new(
            new([
                .. keys.Select(key =>
                    (
                        Convert.FromHexString(key.Sha256),
                        new ApiKeyCaller(key.Name, key.CallbackHosts, rates.GetValueOrDefault(key.Name))
                    )
                ),
            ]),
            rates
        );
    }

    /// <summary>The token of <c>Authorization: Bearer</c>; empty without one.</summary>
    public static string BearerOf(HttpRequest request)
    {
        const string Bearer = "Bearer ";
        var authorization = request.Headers.Authorization.ToString();
        return authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            ? authorization[Bearer.Length..].Trim()
            : "";
    }

    /// <summary>The key of a request, not yet looked at; empty without one.</summary>
    public static string Presented(HttpRequest request)
    {
        var key = request.Headers["X-Api-Key"].ToString();
        return key.Length > 0 ? key : BearerOf(request);
    }

    private sealed record Table(KeyHashes<ApiKeyCaller> Keys, Dictionary<string, CallerRate> Rates);
}

/// <summary>Result of the latest reload of the file of API keys.</summary>
/// <param name="Keys">In force, those of the settings among them.</param>
/// <param name="Problem">Why the keys in force are older than the file; null when they are not.</param>
internal sealed record ApiKeyReload(int Keys, string? Problem);

/// <summary>The owner of an API key.</summary>
/// <param name="Rate">Null for no limit.</param>
internal sealed record ApiKeyCaller(string Name, IReadOnlyList<string> CallbackHosts, CallerRate? Rate)
{
    /// <summary>Whether this caller may name <paramref name="host"/> in a callback URL.</summary>
    public bool MayCall(string host) =>
        CallbackHosts.Count == 0 || CallbackHosts.Any(allowed => Matches(allowed, host));

    private static bool Matches(string allowed, string host) =>
        allowed.StartsWith("*.", StringComparison.Ordinal)
            ? host.Length > allowed.Length - 1 && host.EndsWith(allowed[1..], StringComparison.OrdinalIgnoreCase)
            : string.Equals(allowed, host, StringComparison.OrdinalIgnoreCase);
}
