using AkkaCharging.Settings;

namespace AkkaCharging.Host.Http;

/// <summary>
/// Identifies callers by the keys of <c>server.apiKeys</c> and <c>server.apiKeysFile</c>, sent as <c>X-Api-Key</c> or
/// <c>Authorization: Bearer</c>.
/// </summary>
/// <remarks>
/// A changed file takes effect without a restart. Names whose rate limit did not change keep the rest of their budget,
/// so that adding a key gives no caller a fresh burst.
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

    /// <summary>Whether callers need a key; false when none is configured.</summary>
    public bool AreRequired { get; }

    /// <summary>The status after the latest reload; null when no file is watched.</summary>
    public ApiKeyReload? FileStatus => _keys.IsWatching ? new(_keys.Current.Keys.Count, _keys.Problem) : null;

    /// <summary>The latest poll of the file, for tests to await.</summary>
    internal Task Polling => _keys.Polling;

    /// <summary>Returns the caller that sent <paramref name="request"/>; null for a missing or unknown key.</summary>
    public ApiKeyCaller? Identify(HttpRequest request) => _keys.Current.Keys.OwnerOf(Presented(request));

    /// <summary>Stops watching at once; a reload in progress has no effect.</summary>
    public void Dispose() => _keys.Dispose();

    private Table TableOf(IReadOnlyList<ApiKeySettings> keys, Dictionary<string, CallerRate>? before)
    {
        // Two keys of one name are the same caller during a rotation, and share its rate.
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

    /// <summary>Returns the token of <c>Authorization: Bearer</c>; empty without one.</summary>
    public static string BearerOf(HttpRequest request)
    {
        const string Bearer = "Bearer ";
        var authorization = request.Headers.Authorization.ToString();
        return authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            ? authorization[Bearer.Length..].Trim()
            : "";
    }

    /// <summary>Returns the key of a request, unchecked; empty without one.</summary>
    public static string Presented(HttpRequest request)
    {
        var key = request.Headers["X-Api-Key"].ToString();
        return key.Length > 0 ? key : BearerOf(request);
    }

    private sealed record Table(KeyHashes<ApiKeyCaller> Keys, Dictionary<string, CallerRate> Rates);
}

/// <summary>Result of the latest reload of the file of API keys.</summary>
/// <param name="Keys">Number of keys in force, including those of the settings.</param>
/// <param name="Problem">Why the keys in force are older than the file; null when they are current.</param>
internal sealed record ApiKeyReload(int Keys, string? Problem);

/// <summary>The owner of an API key.</summary>
/// <param name="Rate">The caller's rate limit; null for no limit.</param>
internal sealed record ApiKeyCaller(string Name, IReadOnlyList<string> CallbackHosts, CallerRate? Rate)
{
    /// <summary>Checks whether this caller may use <paramref name="host"/> in a callback URL.</summary>
    public bool MayCall(string host) =>
        CallbackHosts.Count == 0 || CallbackHosts.Any(allowed => Matches(allowed, host));

    private static bool Matches(string allowed, string host) =>
        allowed.StartsWith("*.", StringComparison.Ordinal)
            ? host.Length > allowed.Length - 1 && host.EndsWith(allowed[1..], StringComparison.OrdinalIgnoreCase)
            : string.Equals(allowed, host, StringComparison.OrdinalIgnoreCase);
}
