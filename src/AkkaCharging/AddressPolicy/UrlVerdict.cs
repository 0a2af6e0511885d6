using AkkaCharging.Networks;
using AkkaCharging.Requests;

namespace AkkaCharging.AddressPolicy;

/// <summary>The policy's verdict on the text of a callback URL.</summary>
internal abstract record UrlVerdict
{
    private UrlVerdict() { }

    /// <summary>The URL may be called; its addresses are vetted again for each connection.</summary>
    public sealed record Allowed(CallbackUrl Url) : UrlVerdict;

    /// <summary>
    /// The text is not an absolute http or https URL of at most <see cref="CallbackAddressPolicy.UrlCharsMax"/>
    /// characters.
    /// </summary>
    public sealed record Invalid : UrlVerdict
    {
        /// <summary>The only instance.</summary>
        public static Invalid Instance { get; } = new();
    }

    /// <summary>
    /// The destination is allowed, but RFC 3986 does not permit the path or query. The answer may tell the caller so,
    /// because it reveals nothing about an address.
    /// </summary>
    public sealed record Malformed(PathAndQueryFault Fault) : UrlVerdict;

    /// <summary>
    /// The policy rejects the URL. The reason is not shown to the caller, who could otherwise scan ports.
    /// </summary>
    public sealed record Refused(RefusalReason Reason) : UrlVerdict;
}
