using System.Diagnostics;

namespace AkkaCharging.Requests;

/// <summary>One accepted question: may this driver charge at this station?</summary>
/// <param name="ExpiresAt">No callback attempt starts after this time.</param>
/// <param name="ApiKeyName">Who submitted it; null without API keys.</param>
/// <param name="Trace">The caller's trace, to which decision and attempts belong; default without one.</param>
/// <param name="Format">The body of its callbacks.</param>
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
