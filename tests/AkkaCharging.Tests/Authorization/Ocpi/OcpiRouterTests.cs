using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Ocpi;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using static AkkaCharging.Tests.Authorization.Ocpi.OcpiQuestions;

namespace AkkaCharging.Tests.Authorization.Ocpi;

[Trait("Category", "Unit")]
public sealed class OcpiRouterTests
{
    private static readonly OcpiPartnerSettings Tnm = Partner(
        parties: ["NL-TNM", "BE-TNM"],
        providers: ["NLTNM"],
        prefixes: ["tnm-"]
    );
    private static readonly OcpiPartnerSettings Stc = Partner(
        name: "stc",
        parties: ["NL-STC"],
        providers: ["NLSTC"],
        prefixes: ["tnm-x", "stc-"]
    );
    private static readonly OcpiPartnerSettings Hub = Partner(
        name: "hub",
        kind: OcpiPartnerKind.Hub,
        parties: ["FR-HUB"]
    );

    [Theory]
    // the party that the token names, with or without a hyphen
    [InlineData("04AABBCC", "RFID", "NLTNM", "tnm")]
    [InlineData("04AABBCC", "RFID", "be-tnm", "tnm")]
    [InlineData("04AABBCC", "RFID", "FRHUB", "hub")]
    [InlineData("stc-1", "RFID", "NLTNM", "tnm")]
    [InlineData("NLTNM000122045", "EMAID", "NLSTC", "stc")]
    // the provider of a contract id
    [InlineData("NLTNM000122045", null, null, "tnm")]
    [InlineData("NLTNM000122045U", null, null, "tnm")]
    [InlineData("nl-stc-C12345678-S", null, null, "stc")]
    [InlineData("NLSTC000122045", "EMAID", null, "stc")]
    // which the digits of a card, and other lengths, are not
    [InlineData("NLTNM000122045", "RFID", null, "hub")]
    [InlineData("NLTNM000122045", "ISO14443", null, "hub")]
    [InlineData("NLTNM00012204", null, null, "hub")]
    [InlineData("NLTNM000122045UX", null, null, "hub")]
    [InlineData("NLTNM0001220.5", null, null, "hub")]
    // the longest prefix
    [InlineData("TNM-1", null, null, "tnm")]
    [InlineData("tnm-x1", null, null, "stc")]
    // no partner's
    [InlineData("04AABBCC", null, null, "hub")]
    [InlineData("04AABBCC", "RFID", "DEABC", "hub")]
    public void Token_GoesToOnePartner(string uid, string? type, string? party, string name) =>
        Assert.Equal(name, new OcpiRouter([Tnm, Stc, Hub]).Route(Some(uid, type, party)).Partner?.Name);

    [Fact]
    public void Hub_IsAskedBeforeTheOnlyPartner()
    {
        Assert.Equal(Hub, new OcpiRouter([Hub]).Route(Some("04AABBCC")).Partner);
        Assert.Equal(Hub, new OcpiRouter([Tnm, Hub]).Route(Some("04AABBCC")).Partner);
    }

    [Theory]
    [InlineData("NLTNM000122045", "tnm")]
    [InlineData("DETNM000122045", "tnm")]
    [InlineData("FRXYZ000122045", null)]
    public void PartnerWithSeveralProviders_IsAskedForAnyOfThem(string uid, string? name)
    {
        var tnm = Partner(parties: ["NL-TNM"], providers: ["NLTNM", "DETNM"]);

        Assert.Equal(name, new OcpiRouter([Stc, tnm]).Route(Some(uid)).Partner?.Name);
    }

    /// <summary>
    /// It is decided before a partner's guard: an answer without a question would tell its breaker that it is well.
    /// </summary>
    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("1234567890123456789012345678901234567")]
    public void TokenThatOcpiCannotName_IsUnknown_AndNotSent(string uid)
    {
        Assert.Equal(
            new OcpiRoute(Partner: null, DecisionReason.NotInAcl),
            new OcpiRouter([Tnm, Hub]).Route(Some(uid))
        );
        Assert.Equal(DecisionReason.NoRoute, new OcpiRouter([Tnm, Stc]).Route(Some(uid)).Reason);
        Assert.Equal(Tnm, new OcpiRouter([Tnm]).Route(Some("123456789012345678901234567890123456")).Partner);
    }

    [Fact]
    public void WithoutHub_NobodysToken_GoesNowhere_UnlessThereIsOnePartner()
    {
        Assert.Equal(DecisionReason.NoRoute, new OcpiRouter([Tnm, Stc]).Route(Some("04AABBCC")).Reason);
        Assert.Null(new OcpiRouter([Tnm, Stc]).Route(Some("04AABBCC")).Partner);
        Assert.Equal(Tnm, new OcpiRouter([Tnm]).Route(Some("04AABBCC")).Partner);
    }

    [Fact]
    public void TokenOfAPartyThatNobodyHas_IsNotShownToTheOnlyPartner()
    {
        var route = new OcpiRouter([Tnm]).Route(Some("04AABBCC", "RFID", "DEABC"));

        Assert.Equal((null, DecisionReason.NoRoute), (route.Partner, route.Reason));
    }

    [Theory]
    [InlineData(nameof(OcpiLocation.Required), null, false)]
    [InlineData(nameof(OcpiLocation.Required), "LOC1", true)]
    [InlineData(nameof(OcpiLocation.Optional), null, true)]
    [InlineData(nameof(OcpiLocation.Never), null, true)]
    public void RequiredLocation_ThatIsNotKnown_HasNobodyAsked(string location, string? id, bool isAsked)
    {
        var partner = Tnm with { Location = Enum.Parse<OcpiLocation>(location) };

        var route = new OcpiRouter([partner]).Route(Some(mapping: new StationMapping(id, [], ExternalId: "CB1")));

        Assert.Equal(isAsked ? partner : null, route.Partner);
        Assert.Equal(isAsked ? DecisionReason.NoRoute : DecisionReason.NoLocation, route.Reason);
    }

    [Fact]
    public void RequiredLocation_WithoutMapping_HasNobodyAsked() =>
        Assert.Equal(
            DecisionReason.NoLocation,
            new OcpiRouter([Tnm with { Location = OcpiLocation.Required }]).Route(Some()).Reason
        );

    [Theory]
    [InlineData(null, "NL-TNM")]
    [InlineData("BETNM", "BE-TNM")]
    [InlineData("DEABC", "NL-TNM")]
    public void Partner_IsAddressedByTheTokensParty_OrItsFirst(string? party, string addressee) =>
        Assert.Equal(addressee, OcpiRouter.AddresseeOf(Tnm, new TokenIdentity("04AABBCC", "RFID", party)));

    [Theory]
    [InlineData(null)]
    [InlineData("FRHUB")]
    public void Hub_FindsTheAddresseeItself(string? party) =>
        Assert.Null(OcpiRouter.AddresseeOf(Hub, new TokenIdentity("04AABBCC", "RFID", party)));
}
