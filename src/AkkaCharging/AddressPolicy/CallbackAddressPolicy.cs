using System.Globalization;
using System.Net;
using System.Net.Sockets;
using AkkaCharging.Networks;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.AddressPolicy;

/// <summary>Decides which callback URLs are accepted and which addresses may be connected to.</summary>
/// <remarks>
/// The policy is applied twice: <see cref="CheckUrl"/> to the raw text at submission, without DNS;
/// <see cref="CheckSentUrl"/> and <see cref="CheckAddress"/> at connection time, to the URL that is sent and to each of
/// its addresses. Pure, no I/O, thread-safe. Source: OWASP's rule against server-side request forgery, to vet the
/// address that is connected to instead of the text.
/// </remarks>
internal sealed class CallbackAddressPolicy(CallbackSecuritySettings settings)
{
    /// <summary>Maximum length of a callback URL, in characters.</summary>
    public const int UrlCharsMax = 2_048;

    private const int SentUrlCharsMax = UrlCharsMax + 1; // the path "/" is added to a URL that has none

    /// <summary>
    /// Judges a callback URL as the caller wrote it: length, address, path and query, in this order. Never throws.
    /// </summary>
    public UrlVerdict CheckUrl(string? raw)
    {
        if (raw?.Length > UrlCharsMax)
            return UrlVerdict.Invalid.Instance;
        var verdict = CheckSentUrl(raw);
        return verdict is UrlVerdict.Allowed { Url: var url } && url.FindFault() is { } fault
            ? new UrlVerdict.Malformed(fault)
            : verdict;
    }

    /// <summary>
    /// Judges the URL of an outgoing request by the rules of <see cref="CheckUrl"/>, except for the syntax of path and
    /// query, which URLs in journals of earlier versions may violate.
    /// </summary>
    internal UrlVerdict CheckSentUrl(string? raw)
    {
        if (raw is null || raw.Length > SentUrlCharsMax || SchemeOf(raw) is not { } scheme)
            return UrlVerdict.Invalid.Instance;

        var start = scheme.Length + Uri.SchemeDelimiter.Length;
        var authority = raw.AsSpan(start);
        if (authority.IndexOfAny("/?#\\") is >= 0 and var end)
            authority = authority[..end];
        if (authority.IsEmpty)
            return UrlVerdict.Invalid.Instance;

        if (raw.AsSpan().ContainsAnyExceptInRange('!', '~') || raw.AsSpan().ContainsAny('\\', '#'))
            return new UrlVerdict.Refused(RefusalReason.Characters);
        if (authority.Contains('@'))
            return new UrlVerdict.Refused(RefusalReason.UserInfo);
        if (!TrySplit(authority, scheme, out var host, out var port))
            return UrlVerdict.Invalid.Instance;
        if (settings.HttpsOnly && scheme is not "https")
            return new UrlVerdict.Refused(RefusalReason.HttpsOnly);

        var verdict = CheckHost(host, port);
        return verdict.Reason is { } reason
            ? new UrlVerdict.Refused(reason)
            : Agree(raw, verdict, Destination(scheme, verdict, port));
    }

    /// <summary>
    /// Reads <c>scheme://host</c> or <c>scheme://host:port</c>, without a path, into the key of a callback destination.
    /// </summary>
    /// <remarks>
    /// The address policy is not applied, so that a destination accepted under other settings can be named too.
    /// </remarks>
    /// <returns>The destination; null for any other text.</returns>
    public static DestinationKey? ReadDestination(string? text)
    {
        if (text is null || text.Length > UrlCharsMax || SchemeOf(text) is not { } scheme)
            return null;
        var authority = text.AsSpan(scheme.Length + Uri.SchemeDelimiter.Length);
        if (authority.IsEmpty || !TrySplit(authority, scheme, out var host, out var port))
            return null;
        var verdict = HostSyntax.Read(host);
        return verdict.Reason is null ? Destination(scheme, verdict, port) : null;
    }

    /// <summary>Judges an address: either a literal or one that a name resolved to.</summary>
    /// <remarks>
    /// An entry of <c>allow</c> admits addresses that are not public, with two exceptions: loopback, link-local and
    /// metadata addresses need an entry of their own (/32, /128), and no entry admits a form that embeds an IPv4
    /// address, because that form reaches another address than the one written down. With <c>nat64</c>, an address in
    /// 64:ff9b::/96 gets the verdict of the IPv4 address it embeds; no other form does.
    /// </remarks>
    public AddressVerdict CheckAddress(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (address.AddressFamily == AddressFamily.InterNetworkV6 && address.ScopeId != 0)
            return AddressVerdict.Refused(RefusalReason.NotGlobalUnicast);
        if (SpecialNetworks.Find(address) is not { } reason)
            return AddressVerdict.Allowed;

        if (reason == RefusalReason.EmbedsIPv4)
        {
            return settings.Nat64 && SpecialNetworks.Nat64WellKnown.Contains(address)
                ? CheckAddress(new IPAddress(address.GetAddressBytes().AsSpan(12)))
                : AddressVerdict.Refused(reason);
        }

        var exactOnly = SpecialNetworks.NeedsExactEntry(reason);
        return settings.Allow.Any(network => network.Contains(address) && (!exactOnly || IsExact(network)))
            ? AddressVerdict.Allowed
            : AddressVerdict.Refused(reason);
    }

    /// <summary>
    /// Judges a host and port as written in a URL or as an HTTP handler passes them to its connector.
    /// </summary>
    internal HostVerdict CheckHost(ReadOnlySpan<char> host, int port)
    {
        if (settings.AllowedPorts.Count > 0 && !settings.AllowedPorts.Contains(port))
            return HostVerdict.Refused(RefusalReason.Port);

        var verdict = HostSyntax.Read(host);
        return verdict.Address is { } address && CheckAddress(address).Reason is { } reason
            ? HostVerdict.Refused(reason)
            : verdict;
    }

    private static string? SchemeOf(string raw)
    {
        if (raw.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
            return "https";
        return raw.StartsWith("http://", StringComparison.OrdinalIgnoreCase) ? "http" : null;
    }

    /// <summary>
    /// Splits <c>host[:[port]]</c>; an empty port means the default port of the scheme (RFC 3986 section 3.2.3).
    /// </summary>
    private static bool TrySplit(ReadOnlySpan<char> authority, string scheme, out ReadOnlySpan<char> host, out int port)
    {
        var hostEnd = authority[0] == '[' ? authority.IndexOf(']') + 1 : authority.IndexOf(':');
        if (hostEnd < 0)
            hostEnd = authority.Length;
        host = authority[..hostEnd];
        var rest = authority[hostEnd..];
        port = scheme is "https" ? 443 : 80;
        if (host.IsEmpty || rest is not ([] or [':', ..]))
            return false;
        return rest.Length <= 1
            || (
                int.TryParse(rest[1..], NumberStyles.None, CultureInfo.InvariantCulture, out port)
                && port is >= 1 and <= ushort.MaxValue
            );
    }

    /// <summary>Checks that <see cref="Uri"/>, which the connection uses, parses the same host and port.</summary>
    private static UrlVerdict Agree(string raw, HostVerdict host, DestinationKey destination)
    {
        // The HTTP handler connects to IdnHost, which has no brackets around IPv6.
        var dialled = host.Name ?? host.Address!.ToString();
        return
            CallbackUrl.TryRead(raw, out var uri) is { } url
            && url.Destination == destination
            && string.Equals(uri!.IdnHost, dialled, StringComparison.Ordinal)
            ? new UrlVerdict.Allowed(url)
            : new UrlVerdict.Refused(RefusalReason.ParsersDisagree);
    }

    private static DestinationKey Destination(string scheme, HostVerdict host, int port) =>
        new(scheme, host.Name ?? Bracketed(host.Address!), port);

    private static string Bracketed(IPAddress address) =>
        address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString();

    private static bool IsExact(IPNetwork network) =>
        network.PrefixLength == network.BaseAddress.GetAddressBytes().Length * 8;
}
