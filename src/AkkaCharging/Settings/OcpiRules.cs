namespace AkkaCharging.Settings;

/// <summary>The rules across the settings of <c>authorization.ocpi</c>.</summary>
internal static class OcpiRules
{
    private const string Partners = "authorization.ocpi.partners";

    /// <summary>Reports each rule that is broken.</summary>
    public static void Check(AuthorizationSettings authorization, SettingsReport report)
    {
        var ocpi = authorization.Ocpi;
        if (authorization.Uses(AuthorizationProvider.Ocpi))
        {
            report.Require(
                ocpi.Partners.Count > 0,
                "authorization.provider = ocpi needs a partner; expected authorization.ocpi.partners.",
                "authorization.provider",
                "authorization.chain",
                Partners
            );
            report.Require(
                ocpi.Version is "2.1.1" || (ocpi.CountryCode.Length > 0 && ocpi.PartyId.Length > 0),
                $"authorization.ocpi.version = {ocpi.Version} needs this operator's own party; expected "
                    + "authorization.ocpi.countryCode and authorization.ocpi.partyId.",
                "authorization.provider",
                "authorization.chain",
                "authorization.ocpi.version",
                "authorization.ocpi.countryCode",
                "authorization.ocpi.partyId"
            );
        }

        report.Require(
            ocpi.Partners.Count(partner => partner.Kind == OcpiPartnerKind.Hub) <= 1,
            $"{Partners} contains two hubs; expected at most one, which is asked about the tokens of all other "
                + "parties.",
            Partners
        );
        RequireDistinct("the name", ocpi.Partners.Select(partner => partner.Name), report);
        RequireDistinct("the party", ocpi.Partners.SelectMany(partner => partner.Parties), report);
        RequireDistinct("the provider", ocpi.Partners.SelectMany(partner => partner.Providers), report);
        RequireDistinct("the token prefix", ocpi.Partners.SelectMany(partner => partner.TokenPrefixes), report);
        foreach (var partner in ocpi.Partners)
            Check(partner, authorization, report);
    }

    private static void Check(OcpiPartnerSettings partner, AuthorizationSettings authorization, SettingsReport report)
    {
        report.Require(
            partner.Location != OcpiLocation.Required || authorization.StationsFile.Length > 0,
            $"{Partners}: '{ShownValue.Of(partner.Name)}' has location = required, but no station has a location; "
                + "expected authorization.stationsFile.",
            Partners,
            "authorization.stationsFile"
        );
        report.Require(
            // Compared as text: Enum.TryParse would take a number for an authorizer.
            !Enum.GetNames<AuthorizationProvider>().Contains(partner.Name, StringComparer.OrdinalIgnoreCase),
            $"{Partners}: '{ShownValue.Of(partner.Name)}' has the name of an authorizer; expected a different name.",
            Partners
        );
        report.Require(
            partner.VersionsUrl is null != partner.TokensUrl is null,
            $"{Partners}: '{ShownValue.Of(partner.Name)}' has {(partner.TokensUrl is null ? "no URL" : "two URLs")}; "
                + "expected either versionsUrl or tokensUrl.",
            Partners
        );
        report.Require(
            partner.Kind == OcpiPartnerKind.Hub || partner.Parties.Count > 0,
            $"{Partners}: '{ShownValue.Of(partner.Name)}' has no party; expected parties such as [\"NL-TNM\"].",
            Partners
        );
    }

    private static void RequireDistinct(string what, IEnumerable<string> values, SettingsReport report)
    {
        foreach (
            var twice in values
                .GroupBy(value => value, StringComparer.OrdinalIgnoreCase)
                .Where(group => group.Skip(1).Any())
        )
            report.Require(
                holds: false,
                $"{Partners} contains {what} '{ShownValue.Of(twice.Key)}' twice; expected it once.",
                Partners
            );
    }
}
