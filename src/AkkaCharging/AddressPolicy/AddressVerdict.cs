using System.Net;
using AkkaCharging.Networks;

namespace AkkaCharging.AddressPolicy;

/// <summary>The policy's verdict on an address. The default value is a rejection.</summary>
/// <param name="Reason">Why the address is rejected; null when it is allowed.</param>
internal readonly record struct AddressVerdict(bool IsAllowed, RefusalReason? Reason)
{
    internal static AddressVerdict Allowed => new(true, null);

    internal static AddressVerdict Refused(RefusalReason reason) => new(false, reason);
}

/// <summary>
/// The policy's verdict on a host. Exactly one of the three values is set; <paramref name="Name"/> is in lower case
/// without a trailing dot.
/// </summary>
internal readonly record struct HostVerdict(string? Name, IPAddress? Address, RefusalReason? Reason)
{
    public static HostVerdict Refused(RefusalReason reason) => new(null, null, reason);
}
