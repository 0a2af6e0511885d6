using AkkaCharging.Authorization;
using AkkaCharging.Callbacks;
using AkkaCharging.Journal;
using AkkaCharging.Requests;

namespace AkkaCharging.Pipeline;

/// <summary>Told what happens to requests, as it happens; must not block.</summary>
internal interface IPipelineObserver
{
    /// <summary>A decision was journaled.</summary>
    /// <param name="queueWait">From acceptance to the authorizer.</param>
    /// <param name="duration">Of the authorizer's part.</param>
    void Decided(ChargingRequest request, Decision decision, TimeSpan queueWait, TimeSpan duration);

    /// <summary>An attempt to call back ended.</summary>
    void Attempted(ChargingRequest request, CallbackAttempt attempt);

    /// <summary>A request left the pipeline for good.</summary>
    void Settled(ChargingRequest request, Settlement settlement);

    /// <summary>The circuit breaker in front of the authorizer changed its state.</summary>
    void BreakerMoved(BreakerState state);

    /// <summary>A call of the authorizer failed.</summary>
    void AuthorizerFailed(Exception cause);
}
