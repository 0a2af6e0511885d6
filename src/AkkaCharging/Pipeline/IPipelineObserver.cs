using AkkaCharging.Requests;

namespace AkkaCharging.Pipeline;

/// <summary>Told what happens to requests, as it happens; must not block.</summary>
internal interface IPipelineObserver
{
    /// <summary>A decision was journaled.</summary>
    /// <param name="queueWait">From acceptance to the authorizer.</param>
    /// <param name="duration">Of the authorizer's part.</param>
    void Decided(ChargingRequest request, Decision decision, TimeSpan queueWait, TimeSpan duration);

    /// <summary>A question whose caller waits was decided; it has no request, no journal row and no callback.</summary>
    /// <param name="throttleWait">From the question to the authorizer.</param>
    /// <param name="duration">Of the authorizer's part.</param>
    void Answered(SynchronousQuestion question, Decision decision, TimeSpan throttleWait, TimeSpan duration);

    /// <summary>An attempt to call back ended.</summary>
    /// <param name="isRedriven">Whether the request was a dead letter before.</param>
    void Attempted(ChargingRequest request, CallbackAttempt attempt, bool isRedriven);

    /// <summary>A request left the pipeline for good.</summary>
    /// <param name="age">Since it was accepted, or redriven.</param>
    /// <param name="isRedriven">Whether it was a dead letter before.</param>
    void Settled(ChargingRequest request, Settlement settlement, TimeSpan age, bool isRedriven);

    /// <summary>The circuit breaker in front of a partner, which may be the only authorizer, changed its
    /// state.</summary>
    void BreakerMoved(string partner, BreakerState state);

    /// <summary>The breaker of a receiver opened, or closed.</summary>
    void ReceiverMoved(DestinationKey receiver, BreakerState state);

    /// <summary>A call of a partner, which may be the only authorizer, about a request failed.</summary>
    void AuthorizerFailed(string partner, RequestId id, Exception cause);
}
