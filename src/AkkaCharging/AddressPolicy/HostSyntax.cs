using System.Buffers;
using System.Net;
using System.Net.Sockets;
using AkkaCharging.Networks;

namespace AkkaCharging.AddressPolicy;

/// <summary>
/// Parses the host of a URL more strictly than later parsers do, and rejects what they might read differently.
/// </summary>
/// <remarks>
/// Source: RFC 1123 section 2.1 (names), RFC 3986 section 3.2.2 (literals), RFC 1035 section 2.3.4 (lengths).
/// </remarks>
internal static class HostSyntax
{
    private const int NameCharsMax = 253;
    private const int LabelCharsMax = 63;

    private static readonly SearchValues<char> LabelChars = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
    );

    private static readonly SearchValues<char> IPv6Chars = SearchValues.Create("0123456789abcdefABCDEF:.");

    // These cover all names of the IANA special-use registry (home.arpa and the reverse zones lie under arpa).
    // example.com, .net and .org are ordinary names that are only used in documentation.
    private static readonly HashSet<string> SpecialTopLevels = new(StringComparer.Ordinal)
    {
        "alt",
        "arpa",
        "example",
        "invalid",
        "local",
        "localhost",
        "onion",
        "test", // IANA special-use domain names (RFC 6761 and others)
        "corp",
        "home",
        "internal",
        "intranet",
        "lan",
        "private", // RFC 6762 appendix G; internal also by ICANN resolution
        "localdomain",
        "mail", // hosts files; ICANN name collision study
        "consul",
        "svc", // Consul, Kubernetes; cluster.local is under local
    };

    /// <summary>
    /// Reads the host of a URL: a name, a canonical dotted IPv4 address or an IPv6 address in brackets. The address is
    /// not vetted yet.
    /// </summary>
    public static HostVerdict Read(ReadOnlySpan<char> host)
    {
        if (host is ['[', .. var inner, ']'])
            return ReadIPv6(inner) is { } six ? new(null, six, null) : HostVerdict.Refused(RefusalReason.HostSyntax);
        return ReadCanonicalIPv4(host) is { } four ? new(null, four, null) : ReadName(host);
    }

    /// <summary>
    /// Reads an IPv6 address without brackets; null for anything else, including an address with a zone.
    /// </summary>
    public static IPAddress? ReadIPv6(ReadOnlySpan<char> text)
    {
        if (text.ContainsAnyExcept(IPv6Chars) || !text.Contains(':'))
            return null;

        // A dotted tail must be spelled as strictly as an IPv4 literal.
        var tail = text[(text.LastIndexOf(':') + 1)..];
        if (tail.Contains('.') && ReadCanonicalIPv4(tail) is null)
            return null;

        return IPAddress.TryParse(text, out var address) ? address : null;
    }

    /// <summary>
    /// Reads four decimal numbers without leading zeros; null for the other spellings that inet_aton accepts.
    /// </summary>
    private static IPAddress? ReadCanonicalIPv4(ReadOnlySpan<char> text) =>
        IPAddress.TryParse(text, out var address)
        && address.AddressFamily == AddressFamily.InterNetwork
        && text.SequenceEqual(address.ToString())
            ? address
            : null;

    private static HostVerdict ReadName(ReadOnlySpan<char> host)
    {
        if (host is [.. var absolute, '.'])
            host = absolute;
        if (host.Length > NameCharsMax)
            return HostVerdict.Refused(RefusalReason.HostSyntax);

        foreach (var range in host.Split('.'))
        {
            if (!IsLabel(host[range]))
                return HostVerdict.Refused(RefusalReason.HostSyntax);
        }

        var name = host.ToString().ToLowerInvariant();
        var last = name[(name.LastIndexOf('.') + 1)..];
        if (last.AsSpan().ContainsAnyExceptInRange('a', 'z') && !last.StartsWith("xn--", StringComparison.Ordinal))
            return HostVerdict.Refused(RefusalReason.NumericHost);
        if (last.Length == name.Length)
            return HostVerdict.Refused(RefusalReason.SingleLabel);
        return SpecialTopLevels.Contains(last)
            ? HostVerdict.Refused(RefusalReason.SpecialUseName)
            : new(name, null, null);
    }

    private static bool IsLabel(ReadOnlySpan<char> label) =>
        label.Length is > 0 and <= LabelCharsMax
        && !label.ContainsAnyExcept(LabelChars)
        && label[0] != '-'
        && label[^1] != '-';
}
