using AkkaCharging.Networks;
using AkkaCharging.Requests;

namespace AkkaCharging.AddressPolicy;

/// <summary>What the policy says about the text of a callback URL.</summary>
internal abstract record UrlVerdict
{
    private UrlVerdict() { }

    /// <summary>May be called back; its addresses are vetted again on each connection.</summary>
    public sealed record Allowed(CallbackUrl Url) : UrlVerdict;

    /// <summary>
    /// Not an absolute http or https URL of at most <see cref="CallbackAddressPolicy.UrlCharsMax"/> characters.
    /// </summary>
    public sealed record Invalid : UrlVerdict
    {
        /// <summary>The one there is.</summary>
        public static Invalid Instance { get; } = new();
    }

    /// <summary>
    /// A URL that may be called, but whose path or query RFC 3986 does not allow. The answer to the caller may say so:
    /// it tells nothing about an address.
    /// </summary>
    public sealed record Malformed(PathAndQueryFault Fault) : UrlVerdict;

    /// <summary>
    /// A URL, but not one to call. The reason stays inside: the answer to the caller must not be a port scanner.
    /// </summary>
    public sealed record Refused(RefusalReason Reason) : UrlVerdict;
}
