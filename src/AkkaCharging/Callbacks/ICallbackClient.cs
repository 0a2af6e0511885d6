using AkkaCharging.AddressPolicy;
using AkkaCharging.Requests;

namespace AkkaCharging.Callbacks;

/// <summary>Makes one attempt to deliver a decision.</summary>
internal interface ICallbackClient
{
    /// <summary>
    /// Posts <paramref name="decision"/> to the request's callback URL and classifies what comes back.
    /// </summary>
    /// <exception cref="OperationCanceledException">Thrown for <paramref name="stopping"/> only; every other failure is
    /// a result.</exception>
    Task<AttemptResult> AttemptAsync(ChargingRequest request, Decision decision, CancellationToken stopping);
}

/// <summary>The result of one attempt.</summary>
/// <param name="IsFinal">Whether the attempt succeeded, or failed in a way that no retry can correct.</param>
/// <param name="RetryAfter">How long the receiver asks to wait before a retry; null when it does not ask.</param>
internal readonly record struct AttemptResult(CallbackAttempt Attempt, bool IsFinal, TimeSpan? RetryAfter)
{
    /// <summary>
    /// The resource that this process lacked to open a connection; null for none. The receiver was not contacted, and
    /// no attempt counts.
    /// </summary>
    public LocalResource? Lacking { get; init; }
}
