using System.Diagnostics;

namespace AkkaCharging.Requests;

/// <summary>An accepted request: may this driver charge at this station?</summary>
/// <param name="ExpiresAt">The time after which no callback attempt starts.</param>
/// <param name="ApiKeyName">Name of the API key that submitted the request; null without API keys.</param>
/// <param name="Trace">The caller's trace, to which decision and attempts belong; default without one.</param>
/// <param name="Format">The format of its callbacks.</param>
internal sealed record ChargingRequest(
    RequestId Id,
    StationId Station,
    DriverToken Token,
    CallbackUrl Callback,
    DateTimeOffset AcceptedAt,
    DateTimeOffset ExpiresAt,
    string? ApiKeyName = null,
    ActivityContext Trace = default,
    CallbackFormat Format = CallbackFormat.Default
);
