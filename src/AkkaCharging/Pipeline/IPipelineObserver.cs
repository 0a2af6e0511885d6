using AkkaCharging.Requests;

namespace AkkaCharging.Pipeline;

/// <summary>Notified of the events of the pipeline; must not block.</summary>
internal interface IPipelineObserver
{
    /// <summary>A decision was journaled.</summary>
    /// <param name="queueWait">Time from acceptance to the authorizer.</param>
    /// <param name="duration">Time that the authorizer took.</param>
    void Decided(ChargingRequest request, Decision decision, TimeSpan queueWait, TimeSpan duration);

    /// <summary>A question whose caller waits was decided. It has no request, no journal row and no callback.</summary>
    /// <param name="throttleWait">Time from the question to the authorizer.</param>
    /// <param name="duration">Time that the authorizer took.</param>
    void Answered(SynchronousQuestion question, Decision decision, TimeSpan throttleWait, TimeSpan duration);

    /// <summary>A callback attempt ended.</summary>
    /// <param name="isRedriven">Whether the request was a dead letter before.</param>
    void Attempted(ChargingRequest request, CallbackAttempt attempt, bool isRedriven);

    /// <summary>A request was settled and left the pipeline.</summary>
    /// <param name="age">Time since the request was accepted or redriven.</param>
    /// <param name="isRedriven">Whether the request was a dead letter before.</param>
    void Settled(ChargingRequest request, Settlement settlement, TimeSpan age, bool isRedriven);

    /// <summary>The circuit breaker of a partner (or of the only authorizer) changed its state.</summary>
    void BreakerMoved(string partner, BreakerState state);

    /// <summary>The circuit breaker of a receiver opened or closed.</summary>
    void ReceiverMoved(DestinationKey receiver, BreakerState state);

    /// <summary>A call to a partner (or to the only authorizer) about a request failed.</summary>
    void AuthorizerFailed(string partner, RequestId id, Exception cause);
}
