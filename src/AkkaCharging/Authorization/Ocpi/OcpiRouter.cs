using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Ocpi;

/// <summary>Selects the one partner that is asked about a token.</summary>
/// <remarks>
/// The rules in order: the party that the token names, the provider of a contract id, the longest token prefix, the
/// hub, the only partner. A token of a party without a partner goes to the hub or is not sent, and never goes to
/// another eMSP. A token is never sent to several partners, because each would learn who charges where. A future list
/// of known tokens should take precedence, because it names the party of each token.
/// </remarks>
internal sealed class OcpiRouter(IReadOnlyList<OcpiPartnerSettings> partners)
{
    /// <summary>
    /// Minimum length of a contract id after country and provider: the instance and an optional check digit.
    /// </summary>
    private const int ContractLengthMin = 14;
    private const int ContractLengthMax = 15;

    private const int UidLengthMax = 36;

    private readonly OcpiPartnerSettings? _hub = partners.FirstOrDefault(partner =>
        partner.Kind == OcpiPartnerKind.Hub
    );

    /// <summary>Selects the partner to ask.</summary>
    public OcpiRoute Route(AuthorizationQuery query)
    {
        if (Find(query.Identity) is not { } partner)
            return new OcpiRoute(Partner: null, DecisionReason.NoRoute);
        // No partner can have issued such a token, and the URL parser would remove path segments of dots.
        if (query.Identity.WrittenUid is { Length: 0 or > UidLengthMax } or "." or "..")
            return new OcpiRoute(Partner: null, DecisionReason.NotInAcl);
        return partner.Location == OcpiLocation.Required && query.Mapping?.LocationId is null
            ? new OcpiRoute(Partner: null, DecisionReason.NoLocation)
            : new OcpiRoute(partner);
    }

    /// <summary>
    /// Returns the party that a question is addressed to, for example <c>NL-TNM</c>; null for a hub, which selects it.
    /// </summary>
    public static string? AddresseeOf(OcpiPartnerSettings partner, TokenIdentity identity) =>
        partner.Kind == OcpiPartnerKind.Hub
            ? null
            : partner.Parties.FirstOrDefault(party => IsNamed(party, identity)) ?? partner.Parties[0];

    private OcpiPartnerSettings? Find(TokenIdentity identity)
    {
        if (identity.Party is not null)
            return partners.FirstOrDefault(partner => partner.Parties.Any(party => IsNamed(party, identity))) ?? _hub;
        return OfProvider(identity) ?? OfPrefix(identity.Uid) ?? _hub ?? (partners.Count == 1 ? partners[0] : null);
    }

    private static bool IsNamed(string party, TokenIdentity identity) =>
        string.Equals(
            party.Replace("-", "", StringComparison.Ordinal),
            identity.Party?.Replace("-", "", StringComparison.Ordinal),
            StringComparison.OrdinalIgnoreCase
        );

    private OcpiPartnerSettings? OfProvider(TokenIdentity identity)
    {
        // The digits of an RFID card may look like a contract id.
        if (OcpiVersion.IsCard(identity.Type))
            return null;
        var contract = identity.Uid.Replace("-", "", StringComparison.Ordinal);
        return
            contract.Length is >= ContractLengthMin and <= ContractLengthMax && contract.All(char.IsAsciiLetterOrDigit)
            ? partners.FirstOrDefault(partner => partner.Providers.Any(provider => StartsWith(contract, provider)))
            : null;
    }

    private OcpiPartnerSettings? OfPrefix(string uid) =>
        partners
            .SelectMany(partner => partner.TokenPrefixes.Select(prefix => (partner, prefix)))
            .Where(pair => StartsWith(uid, pair.prefix))
            .OrderByDescending(pair => pair.prefix.Length)
            .Select(pair => pair.partner)
            .FirstOrDefault();

    private static bool StartsWith(string text, string beginning) =>
        text.StartsWith(beginning, StringComparison.OrdinalIgnoreCase);
}

/// <summary>The partner to ask, or why none is asked.</summary>
/// <param name="Partner">The partner to ask; null when none is asked.</param>
/// <param name="Reason">Why none is asked: <see cref="DecisionReason.NoRoute"/>,
/// <see cref="DecisionReason.NoLocation"/>, or <see cref="DecisionReason.NotInAcl"/> for a token that no partner can
/// have issued.</param>
internal readonly record struct OcpiRoute(OcpiPartnerSettings? Partner, DecisionReason Reason = DecisionReason.NoRoute);
