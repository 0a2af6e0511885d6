using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>Block <c>authorization.ocpi</c>: partners that are asked in real time.</summary>
/// <param name="Version">Of OCPI, spoken with all partners.</param>
/// <param name="CountryCode">This operator's own, two capitals; empty when it is not set.</param>
/// <param name="PartyId">This operator's own, three capitals or digits; empty when it is not set.</param>
/// <param name="MaxRetries">Of connections that failed before anything was sent.</param>
internal sealed record OcpiSettings(
    string Version,
    string CountryCode,
    string PartyId,
    TimeSpan AttemptTimeout,
    int MaxRetries,
    IReadOnlyList<OcpiPartnerSettings> Partners
)
{
    internal static OcpiSettings Read(HoconSection hocon) =>
        new(
            Version: hocon.One("version", SettingKind.OneOf("2.1.1", "2.2.1", "2.3.0")),
            CountryCode: hocon.One("countryCode", SettingKind.OptionalCountryCode),
            PartyId: hocon.One("partyId", SettingKind.OptionalPartyId),
            AttemptTimeout: hocon.Duration("attemptTimeoutMillis", min: 1, max: 3_600_000),
            MaxRetries: hocon.Count("maxRetries", min: 0, max: 10),
            Partners: hocon.Entries(
                "partners",
                "{ name, kind, versionsUrl, tokensUrl, tokenFile, encoding, parties, providers, tokenPrefixes, "
                    + "tokenType, location, parallelism }",
                OcpiPartnerSettings.Read
            )
        );
}

/// <summary>What a partner is.</summary>
internal enum OcpiPartnerKind
{
    /// <summary>An eMobility service provider, who knows the tokens of its own parties.</summary>
    Emsp,

    /// <summary>A roaming hub, which finds the party of a token itself.</summary>
    Hub,
}

/// <summary>How the credentials token stands in the header <c>Authorization</c>.</summary>
internal enum OcpiTokenEncoding
{
    /// <summary>As the version demands: plain in 2.1.1, in base64 in later ones.</summary>
    Auto,

    /// <summary>In base64.</summary>
    Base64,

    /// <summary>As it is.</summary>
    Plain,
}

/// <summary>Whether a partner learns at which location and EVSEs the driver wants to charge.</summary>
internal enum OcpiLocation
{
    /// <summary>Sent for stations that <c>authorization.stationsFile</c> names.</summary>
    Optional,

    /// <summary>Nothing is sent about other stations: the decision is <c>unknown</c>.</summary>
    Required,

    /// <summary>Never sent.</summary>
    Never,
}

/// <summary>One entry of <c>authorization.ocpi.partners</c>.</summary>
/// <param name="Name">Names the partner in logs, metrics and health.</param>
/// <param name="VersionsUrl">From which the endpoint of tokens is discovered; null when it is not set.</param>
/// <param name="TokensUrl">The endpoint of tokens itself; null when it is not set.</param>
/// <param name="TokenFile">Holds the credentials token that the partner gave out.</param>
/// <param name="Parties">Such as <c>NL-TNM</c>, in capitals. The first is addressed unless the token names
/// another.</param>
/// <param name="Providers">Beginnings of contract ids, such as <c>NLTNM</c>, in capitals.</param>
/// <param name="TokenPrefixes">Beginnings of tokens, compared without regard to case.</param>
/// <param name="TokenType">Of tokens that name no type.</param>
/// <param name="Parallelism">Questions at a time.</param>
internal sealed record OcpiPartnerSettings(
    string Name,
    OcpiPartnerKind Kind,
    Uri? VersionsUrl,
    Uri? TokensUrl,
    string TokenFile,
    OcpiTokenEncoding Encoding,
    IReadOnlyList<string> Parties,
    IReadOnlyList<string> Providers,
    IReadOnlyList<string> TokenPrefixes,
    string TokenType,
    OcpiLocation Location,
    int Parallelism
)
{
    internal static OcpiPartnerSettings Read(HoconSection hocon) =>
        new(
            Name: hocon.One("name", SettingKind.PartnerName),
            Kind: hocon.One("kind", SettingKind.Choice<OcpiPartnerKind>(), missing: "emsp"),
            VersionsUrl: hocon.One("versionsUrl", SettingKind.OptionalUrl, missing: ""),
            TokensUrl: hocon.One("tokensUrl", SettingKind.OptionalUrl, missing: ""),
            TokenFile: hocon.One("tokenFile", SettingKind.NonEmpty),
            Encoding: hocon.One("encoding", SettingKind.Choice<OcpiTokenEncoding>(), missing: "auto"),
            Parties: hocon.Many("parties", SettingKind.Party),
            Providers: hocon.Many("providers", SettingKind.ContractProvider),
            TokenPrefixes: hocon.Many("tokenPrefixes", SettingKind.NonEmpty),
            TokenType: hocon.One(
                "tokenType",
                SettingKind.OneOf("RFID", "APP_USER", "AD_HOC_USER", "OTHER", "EMAID"),
                missing: "RFID"
            ),
            Location: hocon.One("location", SettingKind.Choice<OcpiLocation>(), missing: "optional"),
            Parallelism: hocon.One("parallelism", SettingKind.Whole(1, 1_000), missing: "16")
        );
}
