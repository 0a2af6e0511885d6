using AkkaCharging.AddressPolicy;
using AkkaCharging.Requests;

namespace AkkaCharging.Callbacks;

/// <summary>Makes one attempt to deliver a decision.</summary>
internal interface ICallbackClient
{
    /// <summary>
    /// Posts <paramref name="decision"/> to the request's callback URL and classifies what comes back.
    /// </summary>
    /// <exception cref="OperationCanceledException">Only for <paramref name="stopping"/>; everything else is a
    /// result.</exception>
    Task<AttemptResult> AttemptAsync(ChargingRequest request, Decision decision, CancellationToken stopping);
}

/// <summary>What one attempt came to.</summary>
/// <param name="IsFinal">Success, or a failure that another attempt cannot mend.</param>
/// <param name="RetryAfter">How long the receiver asks to be left alone; null when it does not say.</param>
internal readonly record struct AttemptResult(CallbackAttempt Attempt, bool IsFinal, TimeSpan? RetryAfter)
{
    /// <summary>
    /// Not null when this process lacked what it takes to open a connection: the receiver was not asked, and it was no
    /// attempt.
    /// </summary>
    public LocalResource? Lacking { get; init; }
}
