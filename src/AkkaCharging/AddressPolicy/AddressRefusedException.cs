using AkkaCharging.Networks;

namespace AkkaCharging.AddressPolicy;

/// <summary>
/// The policy refused to connect: permanent for this delivery. The message says nothing about what was found.
/// </summary>
/// <remarks>An HTTP client wraps it: <c>exception.GetBaseException() is AddressRefusedException</c>.</remarks>
internal sealed class AddressRefusedException(RefusalReason reason) : Exception("The address is not allowed.")
{
    /// <summary>For metrics and tests, never for a caller.</summary>
    public RefusalReason Reason { get; } = reason;
}
