using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>Block <c>authorization.ocpi</c>: partners that are asked in real time.</summary>
/// <param name="Version">The OCPI version, used with all partners.</param>
/// <param name="CountryCode">This operator's own country code, two capitals; empty when it is not set.</param>
/// <param name="PartyId">This operator's own party id, three capitals or digits; empty when it is not set.</param>
/// <param name="MaxRetries">Number of retries of a connection that failed before anything was sent.</param>
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

/// <summary>The kind of a partner.</summary>
internal enum OcpiPartnerKind
{
    /// <summary>An eMobility service provider, which knows the tokens of its own parties.</summary>
    Emsp,

    /// <summary>A roaming hub, which selects the party of a token itself.</summary>
    Hub,
}

/// <summary>The encoding of the credentials token in the <c>Authorization</c> header.</summary>
internal enum OcpiTokenEncoding
{
    /// <summary>As the version requires: plain in 2.1.1, base64 in later ones.</summary>
    Auto,

    /// <summary>The token is sent in base64.</summary>
    Base64,

    /// <summary>The token is sent unchanged.</summary>
    Plain,
}

/// <summary>Whether questions to a partner name the location and EVSEs at which the driver wants to charge.</summary>
internal enum OcpiLocation
{
    /// <summary>The location is sent for stations in <c>authorization.stationsFile</c>.</summary>
    Optional,

    /// <summary>Without a location nothing is sent: the decision is <c>unknown</c>.</summary>
    Required,

    /// <summary>The location is never sent.</summary>
    Never,
}

/// <summary>One entry of <c>authorization.ocpi.partners</c>.</summary>
/// <param name="Name">The name of the partner in logs, metrics and health.</param>
/// <param name="VersionsUrl">The URL from which the endpoint of tokens is discovered; null when it is not set.</param>
/// <param name="TokensUrl">The endpoint of tokens; null when it is not set.</param>
/// <param name="TokenFile">Path of the file with the credentials token issued by the partner.</param>
/// <param name="Parties">The parties of the partner, for example <c>NL-TNM</c>, in capitals. The first is addressed
/// unless the token names another.</param>
/// <param name="Providers">Prefixes of contract ids, for example <c>NLTNM</c>, in capitals.</param>
/// <param name="TokenPrefixes">Prefixes of tokens, compared case-insensitively.</param>
/// <param name="TokenType">The type of tokens that name none.</param>
/// <param name="Parallelism">Maximum number of concurrent questions.</param>
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
