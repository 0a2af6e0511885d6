using AkkaCharging.Metrics;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Http;

/// <summary>Admits callers by their API key, within the rate limit of the key, or of the address without one.</summary>
internal sealed class CallerAccess(
    ServerSettings settings,
    ApiKeys keys,
    AddressLimits addresses,
    ListenerWrongKeys wrongKeys
)
{
    /// <summary>Whether callers need a key.</summary>
    public bool NeedsKey => keys.AreRequired;

    /// <summary>Whether callers need a key or a certificate.</summary>
    public bool NeedsProof => NeedsKey || NeedsCertificate;

    private bool NeedsCertificate => settings.Tls.NeedsClientCertificate;

    /// <summary>Identifies the caller of a request, or answers why the request is rejected.</summary>
    /// <param name="rate">Selects the rate limit that the request counts against.</param>
    /// <returns>
    /// The caller, null for one without a key where none is needed; and the status of the response, null when the
    /// request was admitted.
    /// </returns>
    public async ValueTask<(ApiKeyCaller? Caller, AnswerStatus? Rejected)> AdmitAsync(
        HttpContext context,
        Func<CallerRate, RequestRate> rate
    )
    {
        var address = context.Connection.RemoteIpAddress;
        if (NeedsCertificate && context.Connection.ClientCertificate is null)
            return (null, await context.WriteNoCertificateAsync());
        var isGuess = keys.AreRequired && ApiKeys.Presented(context.Request).Length > 0;
        if (isGuess && wrongKeys.Callers.WaitOf(address) is { } delay)
            return (null, await context.WriteDelayedAsync(delay));
        var caller = keys.Identify(context.Request);
        if (isGuess && caller is null)
            wrongKeys.Callers.Add(address);
        var limit =
            caller is null ? addresses.RateOf(address)
            : caller.Rate is { } limits ? rate(limits)
            : null;
        var wait = limit?.TryTake();
        limit?.Describe(context.Response.Headers);
        if (wait is not null)
            return (caller, await context.WriteRateLimitedAsync(caller, wait.Value));
        return caller is null && keys.AreRequired
            ? (null, await context.WriteUnauthorizedAsync())
            : (caller, (AnswerStatus?)null);
    }
}
