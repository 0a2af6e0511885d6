namespace AkkaCharging.Networks;

/// <summary>
/// Why the policy rejected a URL or an address. For metrics and tests: a caller gets the same words for every reason.
/// </summary>
internal enum RefusalReason
{
    /// <summary>The URL contains a backslash, a fragment or a character other than printable ASCII.</summary>
    Characters,

    /// <summary>The URL has a user name or password before the host.</summary>
    UserInfo,

    /// <summary>The URL has <c>http</c> where only <c>https</c> is allowed.</summary>
    HttpsOnly,

    /// <summary>The port is not allowed.</summary>
    Port,

    /// <summary>The host is neither a name of letters, digits and hyphens nor an address literal.</summary>
    HostSyntax,

    /// <summary>
    /// Other parsers may read the host as an IPv4 address: <c>0177.1</c>, <c>127.0.0.1.</c>, <c>0x7f000001</c>.
    /// </summary>
    NumericHost,

    /// <summary>The name has no dot, so a resolver would complete it with its search domains.</summary>
    SingleLabel,

    /// <summary>The name is under a special-use or internal top-level domain.</summary>
    SpecialUseName,

    /// <summary><see cref="System.Uri"/> reads another host, port, path or query than this policy does.</summary>
    ParsersDisagree,

    /// <summary>The address is in <c>0.0.0.0/8</c> or <c>::</c>, which connect to loopback on Linux.</summary>
    ThisNetwork,

    /// <summary>The address is this machine's loopback.</summary>
    Loopback,

    /// <summary>The address is link-local; clouds also put their metadata services there.</summary>
    LinkLocal,

    /// <summary>The address is a cloud's metadata or platform service.</summary>
    Metadata,

    /// <summary>The address is in a private network (RFC 1918, unique local, site-local).</summary>
    Private,

    /// <summary>The address is shared between a provider and its customers (RFC 6598).</summary>
    SharedSpace,

    /// <summary>The address is reserved for IETF protocol assignments, such as ORCHID.</summary>
    ProtocolAssignment,

    /// <summary>The address is anycast of AS112, AMT or 6to4, which the nearest host answers.</summary>
    Anycast,

    /// <summary>The address is reserved for documentation.</summary>
    Documentation,

    /// <summary>The address is reserved for device benchmarks (RFC 2544).</summary>
    Benchmarking,

    /// <summary>The address is multicast.</summary>
    Multicast,

    /// <summary>The address is IPv4 class E or limited broadcast.</summary>
    Reserved,

    /// <summary>The IPv6 address embeds an IPv4 address.</summary>
    EmbedsIPv4,

    /// <summary>The IPv6 address is outside 2000::/3, or has a zone.</summary>
    NotGlobalUnicast,
}
