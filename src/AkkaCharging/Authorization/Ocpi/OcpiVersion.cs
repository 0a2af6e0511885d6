namespace AkkaCharging.Authorization.Ocpi;

/// <summary>The differences between OCPI versions that matter for real-time authorization.</summary>
/// <param name="Name">The version number, as in the list of versions.</param>
/// <param name="HasMessageIds">Whether requests carry <c>X-Request-ID</c> and <c>X-Correlation-ID</c>.</param>
/// <param name="HasRoles">Whether requests name the sending and receiving parties, and endpoints name a role.</param>
/// <param name="EncodesToken">Whether the credentials token is sent in base64.</param>
/// <param name="TokenTypes">The types of tokens that the version defines.</param>
/// <param name="TypesAreOpen">Whether other token types than the defined ones are valid too.</param>
/// <param name="ReferenceField">The field of the answer that identifies the authorization. Version 2.1.1 has none; the
/// hub Gireve adds this one.</param>
/// <remarks>Source: ocpi/ocpi, branches release-2.1.1-bugfixes, release-2.2.1-bugfixes and 2.3.0/release.</remarks>
internal sealed record OcpiVersion(
    string Name,
    bool HasMessageIds,
    bool HasRoles,
    bool EncodesToken,
    IReadOnlyList<string> TokenTypes,
    bool TypesAreOpen,
    string ReferenceField
)
{
    private const string Rfid = "RFID";
    private const string Other = "OTHER";

    private static readonly OcpiVersion[] All =
    [
        new(
            Name: "2.1.1",
            HasMessageIds: false,
            HasRoles: false,
            EncodesToken: false,
            TokenTypes: [Rfid, Other],
            TypesAreOpen: false,
            ReferenceField: "authorization_id"
        ),
        new(
            Name: "2.2.1",
            HasMessageIds: true,
            HasRoles: true,
            EncodesToken: true,
            TokenTypes: [Rfid, "APP_USER", "AD_HOC_USER", Other],
            TypesAreOpen: false,
            ReferenceField: "authorization_reference"
        ),
        new(
            Name: "2.3.0",
            HasMessageIds: true,
            HasRoles: true,
            EncodesToken: true,
            TokenTypes: [Rfid, "APP_USER", "AD_HOC_USER", Other, "EMAID"],
            TypesAreOpen: true,
            ReferenceField: "authorization_reference"
        ),
    ];

    /// <summary>Returns a version that <c>authorization.ocpi.version</c> may name.</summary>
    public static OcpiVersion Of(string name) =>
        All.Single(version => version.Name.Equals(name, StringComparison.Ordinal));

    /// <summary>
    /// Returns the type to send for a token of <paramref name="type"/>: <c>OTHER</c> for a type that the version does
    /// not define.
    /// </summary>
    public string TypeOf(string type)
    {
        var known = OfOcpp(type.ToUpperInvariant());
        return TypesAreOpen || TokenTypes.Contains(known, StringComparer.Ordinal) ? known : Other;
    }

    /// <summary>Checks whether <paramref name="type"/> is a card.</summary>
    public static bool IsCard(string? type) => type is not null && OfOcpp(type.ToUpperInvariant()) is Rfid;

    // The token types of OCPP 2.0.1, mapped to those of OCPI as CitrineOS maps them.
    private static string OfOcpp(string type) =>
        type switch
        {
            "ISO14443" or "ISO15693" => Rfid,
            "CENTRAL" => "APP_USER",
            "LOCAL" => "AD_HOC_USER",
            _ => type,
        };
}
