using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Ocpi;
using AkkaCharging.Connections;
using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Authorization.Ocpi;

/// <summary>Partners and questions to them.</summary>
internal static class OcpiQuestions
{
    public const string Credentials = "canary-credentials-4711";
    public const string Uid = "canary-04AABBCCDD";

    public static AuthorizationQuery Some(
        string uid = Uid,
        string? type = null,
        string? party = null,
        StationMapping? mapping = null
    ) => Queries.Some() with { Identity = new TokenIdentity(uid, type, party), Mapping = mapping };

    public static OcpiSettings Settings(
        string version = "2.2.1",
        int maxRetries = 0,
        params IReadOnlyList<OcpiPartnerSettings> partners
    ) => new(version, "DE", "ALL", TimeSpan.FromSeconds(1.5), maxRetries, partners);

    public static OcpiPartnerSettings Partner(
        Uri? tokensUrl = null,
        Uri? versionsUrl = null,
        string name = "tnm",
        OcpiPartnerKind kind = OcpiPartnerKind.Emsp,
        OcpiTokenEncoding encoding = OcpiTokenEncoding.Auto,
        IReadOnlyList<string>? parties = null,
        IReadOnlyList<string>? providers = null,
        IReadOnlyList<string>? prefixes = null,
        OcpiLocation location = OcpiLocation.Optional,
        string tokenType = "RFID"
    ) =>
        new(
            name,
            kind,
            versionsUrl,
            tokensUrl,
            "canary.token",
            encoding,
            parties ?? ["NL-TNM"],
            providers ?? [],
            prefixes ?? [],
            tokenType,
            location,
            Parallelism: 4
        );

    public static OcpiPartnerAuthorizer Authorizer(
        OcpiPartnerSettings partner,
        TimeProvider time,
        string version = "2.2.1",
        int maxRetries = 0
    ) =>
        new(
            Settings(version, maxRetries, partner),
            partner,
            () => Credentials,
            () => null,
            time,
            new ConfiguredHosts()
        );
}
