using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Questions;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Authorization.Questions;

[Trait("Category", "Unit")]
public sealed class TokenReaderTests
{
    [Theory]
    [InlineData("ocpi.uid.RFID~04AABBCC", "04AABBCC", "RFID", null)]
    [InlineData("ocpi.uid.rfid~04aabbcc", "04aabbcc", "RFID", null)]
    [InlineData("ocpi.uid.RFID.NLTNM~04AABBCC", "04AABBCC", "RFID", "NLTNM")]
    [InlineData("ocpi.uid.APP_USER.nl8aa~a~b", "a~b", "APP_USER", "NL8AA")]
    [InlineData("ocpi.uid.EMAID~NL-TNM-C00122045-K", "NL-TNM-C00122045-K", "EMAID", null)]
    public void TypedToken_NamesItsParts(string token, string uid, string type, string? party) =>
        Assert.Equal(new TokenIdentity(uid, type, party), Typed.Read(Token(token)));

    [Theory]
    [InlineData("plain-token-0123456789")]
    [InlineData("ocpi.uid.RFID04AABBCC0")] // no mark
    [InlineData("ocpi.uid.RFID.NLTNMX~04")] // a party has five characters
    [InlineData("ocpi.uid.RFID.1LTNM~044")]
    [InlineData("ocpi.uid.RF-ID~04AABBCC")]
    [InlineData("ocpi.uid.~04AABBCC00000")]
    [InlineData("ocpi.uid.RFIDRFIDRFID~")] // no identifier
    public void AnythingElse_StandsForItself(string token) =>
        Assert.Equal(new TokenIdentity(token), Typed.Read(Token(token)));

    [Fact]
    public void WithoutTheSetting_NothingIsTyped() =>
        Assert.Equal(
            new TokenIdentity("ocpi.uid.RFID~04AABBCC"),
            new TokenReader(areTyped: false, TokenNormalization.None).Read(Token("ocpi.uid.RFID~04AABBCC"))
        );

    [Theory]
    [InlineData("none", "04:aa-Bb", "04:aa-Bb")]
    [InlineData("upper", "04:aa-Bb", "04:AA-BB")]
    [InlineData("rfid", "04:aa-Bb", "04AABB")]
    [InlineData("rfid", "04 aa bb cc", "04AABBCC")]
    [InlineData("rfid", "04:aa:b", "04:AA:B")] // half a byte
    [InlineData("rfid", "app-user", "APP-USER")]
    [InlineData("rfid", "ab:cg", "AB:CG")] // a byte that is none
    [InlineData("emaid", "NL-TNM-C00122045-K", "NLTNMC00122045")]
    [InlineData("emaid", "nl*tnm*c00122045", "NLTNMC00122045")]
    [InlineData("emaid", "NL-TNM-012204-5", "NLTNMC00122045")] // DIN SPEC 91286
    [InlineData("emaid", "04AABBCCDDEE", "04AABBCCDDEE")]
    [InlineData("emaid", "nl-tnm-1", "NL-TNM-1")]
    public void Identifiers_AreNormalized(string how, string uid, string expected)
    {
        Assert.True(Enum.TryParse<TokenNormalization>(how, ignoreCase: true, out var normalization));

        Assert.Equal(expected, new TokenReader(areTyped: false, normalization).Normalize(uid));
    }

    [Fact]
    public void Identity_ShowsNothingOfItself() =>
        Assert.Equal(
            ("RFID ***", "token ***"),
            ($"{new TokenIdentity("04AABBCC", "RFID")}", $"{new TokenIdentity("04AABBCC")}")
        );

    private static TokenReader Typed { get; } = new(areTyped: true, TokenNormalization.None);

    private static DriverToken Token(string text) => DriverToken.TryCreate(text)!;
}
