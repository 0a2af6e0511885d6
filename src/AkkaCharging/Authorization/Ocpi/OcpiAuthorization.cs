using System.Text.Json;
using AkkaCharging.Requests;

namespace AkkaCharging.Authorization.Ocpi;

/// <summary>Reads the <c>AuthorizationInfo</c> object of OCPI.</summary>
internal static class OcpiAuthorization
{
    /// <summary>Turns <paramref name="info"/> into an answer to <paramref name="query"/>.</summary>
    /// <param name="sentLocation">The location and EVSEs that the question named; null for none.</param>
    /// <param name="party">The party that was asked, for example <c>NL-TNM</c>; null when a hub selected it.</param>
    /// <exception cref="OcpiException">The object does not answer this question.</exception>
    public static AuthorizerAnswer Read(
        JsonElement info,
        OcpiVersion version,
        AuthorizationQuery query,
        StationMapping? sentLocation,
        string? party
    )
    {
        if (info.Field("token") is { } token)
        {
            if (token.Field("uid") is not null && !AreEqual(token.Text("uid"), query.Identity.WrittenUid))
                throw new OcpiException("answered about another token", OcpiBlame.Question);
            party ??= PartyOf(token);
        }

        // A value from a later version or of the partner's own is neither a yes nor a no.
        var answer = info.Text("allowed") switch
        {
            "ALLOWED" when sentLocation is null || IncludesAll(info.Field("location"), sentLocation) =>
                AuthorizerAnswer.Allow(),
            "ALLOWED" or "NOT_ALLOWED" => AuthorizerAnswer.Deny(DenialReason.StationNotAllowed),
            "BLOCKED" => AuthorizerAnswer.Deny(DenialReason.Blocked),
            "EXPIRED" => AuthorizerAnswer.Deny(DenialReason.Expired),
            "NO_CREDIT" => AuthorizerAnswer.Deny(DenialReason.NoCredit),
            _ => throw new OcpiException("answered without an AllowedType that OCPI defines", OcpiBlame.Question),
        };
        var reference = info.Text(version.ReferenceField);
        var shown = info.Field("info");
        return answer.With(
            new AuthorizationDetails
            {
                // A truncated reference would be a different reference.
                AuthorizationReference =
                    reference?.Length <= AuthorizationDetails.ReferenceLengthMax ? reference : null,
                Language = shown?.Text("language"),
                Text = shown?.Text("text"),
                Party = party,
            }
        );
    }

    /// <summary>Checks whether the driver may charge at every EVSE that the question named.</summary>
    /// <remarks>
    /// The question does not say at which EVSE the driver is, so permission for only some of them is not enough.
    /// </remarks>
    private static bool IncludesAll(JsonElement? location, StationMapping sent) =>
        location is not { } allowed
        || (
            AreEqual(allowed.Text("location_id"), sent.LocationId)
            && sent.EvseUids.All(sentUid =>
                allowed
                    .Field("evse_uids")
                    .Items()
                    .Any(uid => uid.ValueKind == JsonValueKind.String && AreEqual(TextOf(uid), sentUid))
            )
        );

    private static string? TextOf(JsonElement text)
    {
        try
        {
            return text.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static string? PartyOf(JsonElement token) =>
        (token.Text("country_code"), token.Text("party_id")) is ({ Length: 2 } country, { Length: 3 } id)
        && country.All(char.IsAsciiLetter)
        && id.All(char.IsAsciiLetterOrDigit)
            ? $"{country}-{id}".ToUpperInvariant()
            : null;

    private static bool AreEqual(string? text, string? other) =>
        string.Equals(text, other, StringComparison.OrdinalIgnoreCase);
}
