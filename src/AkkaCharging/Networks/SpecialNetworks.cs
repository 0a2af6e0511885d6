using System.Net;
using System.Net.Sockets;

namespace AkkaCharging.Networks;

/// <summary>The networks that are not public, each with the reason.</summary>
/// <remarks>
/// Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (of 2025-10-09), complete with their "globally
/// reachable" entries, because no receiver is in AS112; IANA multicast and IPv6 address space registries; the metadata
/// addresses from the clouds' own documentation. The first match counts, so single addresses precede the networks
/// around them.
/// </remarks>
internal static class SpecialNetworks
{
    public static readonly IPNetwork Nat64WellKnown = IPNetwork.Parse("64:ff9b::/96");

    private static readonly IPNetwork GlobalUnicast = IPNetwork.Parse("2000::/3");

    private static readonly (IPNetwork Network, RefusalReason Reason)[] IPv4 = Table([
        ("168.63.129.16/32", RefusalReason.Metadata), // Azure WireServer: a public address that is host-local
        ("100.100.100.200/32", RefusalReason.Metadata), // Alibaba
        ("192.0.0.192/32", RefusalReason.Metadata), // Oracle
        ("169.254.169.254/32", RefusalReason.Metadata), // AWS, Azure, GCP and most others
        ("169.254.170.2/32", RefusalReason.Metadata), // AWS ECS credentials
        ("169.254.170.23/32", RefusalReason.Metadata), // AWS EKS pod identity
        ("0.0.0.0/8", RefusalReason.ThisNetwork), // RFC 791
        ("10.0.0.0/8", RefusalReason.Private), // RFC 1918
        ("100.64.0.0/10", RefusalReason.SharedSpace), // RFC 6598
        ("127.0.0.0/8", RefusalReason.Loopback), // RFC 1122
        ("169.254.0.0/16", RefusalReason.LinkLocal), // RFC 3927
        ("172.16.0.0/12", RefusalReason.Private), // RFC 1918
        ("192.0.0.0/24", RefusalReason.ProtocolAssignment), // RFC 6890
        ("192.0.2.0/24", RefusalReason.Documentation), // RFC 5737
        ("192.31.196.0/24", RefusalReason.Anycast), // RFC 7535, AS112
        ("192.52.193.0/24", RefusalReason.Anycast), // RFC 7450, AMT
        ("192.88.99.0/24", RefusalReason.Anycast), // RFC 7526, 6to4 relay, deprecated
        ("192.168.0.0/16", RefusalReason.Private), // RFC 1918
        ("192.175.48.0/24", RefusalReason.Anycast), // RFC 7534, AS112
        ("198.18.0.0/15", RefusalReason.Benchmarking), // RFC 2544
        ("198.51.100.0/24", RefusalReason.Documentation), // RFC 5737
        ("203.0.113.0/24", RefusalReason.Documentation), // RFC 5737
        ("224.0.0.0/4", RefusalReason.Multicast), // RFC 5771
        ("240.0.0.0/4", RefusalReason.Reserved), // RFC 1112; limited broadcast (RFC 919) is its last address
    ]);

    private static readonly (IPNetwork Network, RefusalReason Reason)[] IPv6 = Table([
        ("::1/128", RefusalReason.Loopback), // RFC 4291
        ("::/128", RefusalReason.ThisNetwork), // RFC 4291
        ("fd00:ec2::/32", RefusalReason.Metadata), // AWS: metadata, EKS pod identity, name and time services
        ("fd20:ce::254/128", RefusalReason.Metadata), // GCP
        ("fd00:c1::a9fe:a9fe/128", RefusalReason.Metadata), // Oracle
        ("fd00:42::42/128", RefusalReason.Metadata), // Scaleway
        ("::/96", RefusalReason.EmbedsIPv4), // RFC 4291, IPv4-compatible, deprecated
        ("::ffff:0:0:0/96", RefusalReason.EmbedsIPv4), // RFC 2765, SIIT
        ("64:ff9b::/96", RefusalReason.EmbedsIPv4), // RFC 6052, NAT64
        ("64:ff9b:1::/48", RefusalReason.EmbedsIPv4), // RFC 8215, NAT64, local use
        ("2001::/32", RefusalReason.EmbedsIPv4), // RFC 4380, Teredo
        ("2002::/16", RefusalReason.EmbedsIPv4), // RFC 3056, 6to4
        ("2001::/23", RefusalReason.ProtocolAssignment), // RFC 2928: benchmarking, AMT, AS112, ORCHID, drone remote id
        ("2001:db8::/32", RefusalReason.Documentation), // RFC 3849
        ("2620:4f:8000::/48", RefusalReason.Anycast), // RFC 7534, AS112
        ("3fff::/20", RefusalReason.Documentation), // RFC 9637
        ("fc00::/7", RefusalReason.Private), // RFC 4193
        ("fe80::/10", RefusalReason.LinkLocal), // RFC 4291
        ("fec0::/10", RefusalReason.Private), // RFC 3879, site-local, deprecated
        ("ff00::/8", RefusalReason.Multicast), // RFC 4291
    ]);

    /// <summary>
    /// The networks of which <c>callback.security.allow</c> may contain only single addresses: this machine, link-local
    /// and metadata services. Widest first.
    /// </summary>
    public static readonly IReadOnlyList<IPNetwork> AllowedOneByOne =
    [
        .. IPv4.Concat(IPv6)
            .Where(row => NeedsExactEntry(row.Reason))
            .Select(row => row.Network)
            .OrderBy(network => network.PrefixLength),
    ];

    /// <summary>
    /// The networks of IPv6 whose addresses embed an IPv4 address: <c>callback.security.allow</c> can contain none of
    /// them. Widest first. ISATAP is not among them, because it has no network of its own.
    /// </summary>
    public static readonly IReadOnlyList<IPNetwork> NeverAllowed =
    [
        .. IPv6.Where(row => row.Reason == RefusalReason.EmbedsIPv4)
            .Select(row => row.Network)
            .Append(IPNetwork.Parse("::ffff:0:0/96")) // IPv4-mapped, which is not in the table
            .OrderBy(network => network.PrefixLength),
    ];

    /// <summary>Returns why <paramref name="address"/> is not public; null when it is.</summary>
    public static RefusalReason? Find(IPAddress address)
    {
        if (address.AddressFamily == AddressFamily.InterNetwork)
            return Find(IPv4, address);

        // IPv4-mapped addresses (RFC 4291) are checked first and are not in the table, because IPNetwork.Contains would
        // compare the IPv4 address inside.
        if (address.IsIPv4MappedToIPv6 || IsIsatap(address))
            return RefusalReason.EmbedsIPv4;
        return Find(IPv6, address) ?? (GlobalUnicast.Contains(address) ? null : RefusalReason.NotGlobalUnicast);
    }

    /// <summary>
    /// Checks whether an address rejected for this reason can be allowed only by a single-address entry, not by a wider
    /// network.
    /// </summary>
    /// <remarks>
    /// This holds for loopback and what reaches it (0.0.0.0, ::), metadata, and all of link-local, where metadata
    /// services use many addresses (169.254.0.23, 169.254.42.42, …) and new ones may appear unannounced.
    /// </remarks>
    public static bool NeedsExactEntry(RefusalReason reason) =>
        reason
            is RefusalReason.Loopback
                or RefusalReason.ThisNetwork
                or RefusalReason.Metadata
                or RefusalReason.LinkLocal;

    // RFC 5214, section 6.1: an interface id of 000000ug 00 5e fe followed by the IPv4 address, under any prefix.
    private static bool IsIsatap(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        return (bytes[8] & 0b1111_1100) == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;
    }

    private static RefusalReason? Find((IPNetwork Network, RefusalReason Reason)[] table, IPAddress address)
    {
        foreach (var (network, reason) in table)
        {
            if (network.Contains(address))
                return reason;
        }

        return null;
    }

    private static (IPNetwork Network, RefusalReason Reason)[] Table((string Cidr, RefusalReason Reason)[] rows) =>
        Array.ConvertAll(rows, row => (IPNetwork.Parse(row.Cidr), row.Reason));
}
