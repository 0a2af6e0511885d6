namespace AkkaCharging.Networks;

/// <summary>
/// Why the policy refused a URL or an address. For metrics and tests: a caller gets the same words for every reason.
/// </summary>
internal enum RefusalReason
{
    /// <summary>Something other than printable ASCII, a backslash or a fragment, anywhere in the URL.</summary>
    Characters,

    /// <summary>A user name or password before the host.</summary>
    UserInfo,

    /// <summary><c>http</c> where only <c>https</c> is allowed.</summary>
    HttpsOnly,

    /// <summary>A port outside the allowed ones.</summary>
    Port,

    /// <summary>A host that is neither a name of letters, digits and hyphens nor an address literal.</summary>
    HostSyntax,

    /// <summary>
    /// A host that other parsers may read as an IPv4 address: <c>0177.1</c>, <c>127.0.0.1.</c>, <c>0x7f000001</c>.
    /// </summary>
    NumericHost,

    /// <summary>A name without a dot, which a resolver completes with its search domains.</summary>
    SingleLabel,

    /// <summary>A name under a special-use or internal top-level domain.</summary>
    SpecialUseName,

    /// <summary><see cref="System.Uri"/> reads another host, port, path or query than this policy does.</summary>
    ParsersDisagree,

    /// <summary><c>0.0.0.0/8</c> or <c>::</c>, which connect to loopback on Linux.</summary>
    ThisNetwork,

    /// <summary>This machine.</summary>
    Loopback,

    /// <summary>This link; also where clouds put their metadata services.</summary>
    LinkLocal,

    /// <summary>A cloud's metadata or platform service.</summary>
    Metadata,

    /// <summary>A private network (RFC 1918, unique local, site-local).</summary>
    Private,

    /// <summary>Shared between a provider and its customers (RFC 6598).</summary>
    SharedSpace,

    /// <summary>IETF protocol assignments, ORCHID among them.</summary>
    ProtocolAssignment,

    /// <summary>AS112, AMT and 6to4 anycast: answered by whoever is nearest.</summary>
    Anycast,

    /// <summary>Documentation examples.</summary>
    Documentation,

    /// <summary>Device benchmarks (RFC 2544).</summary>
    Benchmarking,

    /// <summary>More than one receiver.</summary>
    Multicast,

    /// <summary>IPv4 class E and limited broadcast.</summary>
    Reserved,

    /// <summary>An IPv6 address that carries an IPv4 address, whichever.</summary>
    EmbedsIPv4,

    /// <summary>IPv6 outside 2000::/3, or with a zone.</summary>
    NotGlobalUnicast,
}
