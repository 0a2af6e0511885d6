using System.Globalization;
using System.Net;
using System.Net.Sockets;
using AkkaCharging.Networks;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.AddressPolicy;

/// <summary>
/// Which callback URLs may be accepted and which addresses may be connected to: the one policy behind both.
/// </summary>
/// <remarks>
/// Asked twice: <see cref="CheckUrl"/> on the raw text at submit, without DNS; <see cref="CheckSentUrl"/> and
/// <see cref="CheckAddress"/> on the text that is sent and on each address at connect. Pure, no I/O, thread-safe.
/// Source: OWASP's rule for server-side request forgery, to vet what is connected to instead of what is written.
/// </remarks>
internal sealed class CallbackAddressPolicy(CallbackSecuritySettings settings)
{
    /// <summary>Longest URL, in characters.</summary>
    public const int UrlCharsMax = 2_048;

    /// <summary>
    /// Judges a callback URL as the caller wrote it: address, path and query, in this order. Never throws.
    /// </summary>
    public UrlVerdict CheckUrl(string? raw)
    {
        var verdict = CheckSentUrl(raw);
        return verdict is UrlVerdict.Allowed { Url: var url } && url.FindFault() is { } fault
            ? new UrlVerdict.Malformed(fault)
            : verdict;
    }

    /// <summary>
    /// Judges the URL of a request by all rules of <see cref="CheckUrl"/> but the syntax of path and query, which URLs
    /// from the journals of earlier versions may break.
    /// </summary>
    internal UrlVerdict CheckSentUrl(string? raw)
    {
        if (raw is null || raw.Length > UrlCharsMax || SchemeOf(raw) is not { } scheme)
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
    /// Reads <c>scheme://host</c> or <c>scheme://host:port</c>, without a path, into the form that the destinations of
    /// callback URLs have.
    /// </summary>
    /// <remarks>
    /// Whether it may be called is not asked: what was accepted under other settings can be named, too.
    /// </remarks>
    /// <returns>Null for anything else.</returns>
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

    /// <summary>Judges an address: a literal, or one that a name resolved to.</summary>
    /// <remarks>
    /// An entry of <c>allow</c> lets an address through that is not public, with two exceptions: loopback, link-local
    /// and metadata addresses need an entry of their own (/32, /128), and a form that embeds an IPv4 address is let
    /// through by no entry at all, because what it reaches is another address than the one that was written down.
    /// <c>nat64</c> gives 64:ff9b::/96, and nothing else, the verdict of the IPv4 address inside.
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
    /// Judges host and port as they stand in a URL or as an HTTP handler hands them to its connector.
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

    /// <summary>Parts <c>host[:[port]]</c>; an empty port is the scheme's own (RFC 3986 section 3.2.3).</summary>
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

    /// <summary>The connection is made from what <see cref="Uri"/> reads, so it must read the same.</summary>
    private static UrlVerdict Agree(string raw, HostVerdict host, DestinationKey destination)
    {
        // IdnHost is what the HTTP handler connects to and Host what it says, without brackets for IPv6.
        var dialled = host.Name ?? host.Address!.ToString();
        return
            CallbackUrl.TryRead(raw) is { } url
            && url.Destination == destination
            && string.Equals(url.Uri.IdnHost, dialled, StringComparison.Ordinal)
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
