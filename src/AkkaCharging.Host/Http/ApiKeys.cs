using AkkaCharging.Settings;

namespace AkkaCharging.Host.Http;

/// <summary>
/// Who may submit: the keys of <c>server.apiKeys</c>, by <c>X-Api-Key</c> or <c>Authorization: Bearer</c>.
/// </summary>
internal sealed class ApiKeys
{
    private readonly KeyHashes<ApiKeyCaller> _keys;

    public ApiKeys(IReadOnlyList<ApiKeySettings> settings, TimeProvider time)
    {
        // Two keys of one name are one caller while they are rotated, and share its rate.
        var rates = settings
            .GroupBy(key => key.Name, StringComparer.Ordinal)
            .ToDictionary(
                keys => keys.Key,
                keys => Rate(keys.Max(key => key.RequestsPerSecond), time),
                StringComparer.Ordinal
            );
        _keys = new([
            .. settings.Select(key =>
                (Convert.FromHexString(key.Sha256), new ApiKeyCaller(key.Name, key.CallbackHosts, rates[key.Name]))
            ),
        ]);
    }

    /// <summary>False when no key is configured: then anybody may submit.</summary>
    public bool AreRequired => _keys.Any;

    /// <summary>Caller that sent <paramref name="request"/>; null for a missing or unknown key.</summary>
    public ApiKeyCaller? Identify(HttpRequest request) => _keys.OwnerOf(Presented(request));

    private static CallerRate? Rate(double perSecond, TimeProvider time) =>
        perSecond > 0 ? new CallerRate(perSecond, time) : null;

    /// <summary>The token of <c>Authorization: Bearer</c>; empty without one.</summary>
    public static string BearerOf(HttpRequest request)
    {
        const string Bearer = "Bearer ";
        var authorization = request.Headers.Authorization.ToString();
        return authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            ? authorization[Bearer.Length..].Trim()
            : "";
    }

    private static string Presented(HttpRequest request)
    {
        var key = request.Headers["X-Api-Key"].ToString();
        return key.Length > 0 ? key : BearerOf(request);
    }
}

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
