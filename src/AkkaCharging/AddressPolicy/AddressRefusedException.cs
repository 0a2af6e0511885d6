using AkkaCharging.Networks;

namespace AkkaCharging.AddressPolicy;

/// <summary>
/// The address policy rejected a connection, which is a permanent failure of the delivery. The message does not reveal
/// the address.
/// </summary>
/// <remarks>
/// An HTTP client wraps this exception: <c>exception.GetBaseException() is AddressRefusedException</c>.
/// </remarks>
internal sealed class AddressRefusedException(RefusalReason reason) : Exception("The address is not allowed.")
{
    /// <summary>Why the policy rejected the address. For metrics and tests; never shown to a caller.</summary>
    public RefusalReason Reason { get; } = reason;
}
