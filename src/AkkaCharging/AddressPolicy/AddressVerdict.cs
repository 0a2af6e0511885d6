using System.Net;
using AkkaCharging.Networks;

namespace AkkaCharging.AddressPolicy;

/// <summary>What the policy says about an address. Its default is a refusal.</summary>
/// <param name="Reason">Null when the address is allowed.</param>
internal readonly record struct AddressVerdict(bool IsAllowed, RefusalReason? Reason)
{
    internal static AddressVerdict Allowed => new(true, null);

    internal static AddressVerdict Refused(RefusalReason reason) => new(false, reason);
}

/// <summary>
/// What the policy says about a host; exactly one of the three is set, <paramref name="Name"/> in lower case without
/// trailing dot.
/// </summary>
internal readonly record struct HostVerdict(string? Name, IPAddress? Address, RefusalReason? Reason)
{
    public static HostVerdict Refused(RefusalReason reason) => new(null, null, reason);
}
