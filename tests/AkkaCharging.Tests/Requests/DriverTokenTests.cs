using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Requests;

[Trait("Category", "Unit")]
public sealed class DriverTokenTests
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    [Theory]
    [InlineData(0, false)]
    [InlineData(19, false)]
    [InlineData(20, true)]
    [InlineData(80, true)]
    [InlineData(81, false)]
    public void Length_IsFrom20To80(int length, bool isValid) =>
        Assert.Equal(isValid, DriverToken.TryCreate(new string('a', length)) is not null);

    [Theory]
    [InlineData("ocpi.uid.RFID~04AABBCC", true)]
    [InlineData("ocpi.uid.RFID~0", true)]
    [InlineData("ocpi.uid.A~0", true)]
    [InlineData("ocpi.uid.KeyCode~12#4", true)]
    [InlineData("ocpi.uid.RFID.NLTNM~1", true)]
    [InlineData("ocpi.uid.RFID~012345678901234567890123456789012345", true)]
    [InlineData("ocpi.uid.RFID~*234567890123456789012345678901234567", false)] // 37
    [InlineData("ocpi.uid.RFID~", false)]
    [InlineData("ocpi.uid.RFID~a b", false)]
    [InlineData("ocpi.uid.RFID~a\"b", false)]
    [InlineData("ocpi.uid.~0", false)]
    [InlineData("ocpi.uid.RFID.NL~0", false)]
    [InlineData("ocpi.uid.R.NL.X~0", false)]
    [InlineData("OCPI.UID.RFID~0", false)]
    [InlineData("04AABBCC", false)]
    public void TypedToken_HasAnIdentifierOfAnyLengthThatOcppAllows_WhereTheSettingIsOn(string text, bool isValid)
    {
        Assert.Equal(
            isValid,
            DriverToken.TryCreate(text, DriverTokenRules.Default with { AreTyped = true }) is not null
        );
        Assert.Equal(
            text.Length >= 20 && isValid && !text.Contains('*') && !text.Contains('#'),
            DriverToken.TryCreate(text) is not null
        );
    }

    [Fact]
    public void NoText_IsRefused() => Assert.Null(DriverToken.TryCreate(null));

    [Fact]
    public void EveryAllowedCharacter_Passes_AndNoOther()
    {
        var passing = Enumerable
            .Range(0, char.MaxValue + 1)
            .Select(code => (char)code)
            .Where(character => DriverToken.TryCreate(new string('a', 19) + character) is not null);

        Assert.Equal(Alphabet.Order(), passing);
    }

    [Fact]
    public void ForbiddenCharacter_IsFoundInAnyPlace() =>
        Assert.All(
            Enumerable.Range(0, 20),
            index => Assert.Null(DriverToken.TryCreate(new string('a', index) + '"' + new string('a', 19 - index)))
        );

    [Fact]
    public void Text_IsMasked()
    {
        var token = DriverToken.TryCreate("canary-token-0123456789")!;

        Assert.Equal("cana***", token.Masked);
        Assert.Equal("cana***", token.ToString());
        Assert.Equal("canary-token-0123456789", token.Secret);
    }

    [Fact]
    public void TextOfARequest_HoldsNeitherTokenNorPathOfTheCallback()
    {
        var text = Sample.Request("http://127.0.0.1:8080/secret-path?key=secret-query").ToString();

        Assert.Contains("cana***", text, StringComparison.Ordinal);
        Assert.Contains("http://127.0.0.1:8080", text, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
    }

    [Fact]
    public void SameSecret_IsEqual()
    {
        var (one, same, other) = (
            DriverToken.TryCreate(new string('a', 20))!,
            DriverToken.TryCreate(new string('a', 20))!,
            DriverToken.TryCreate(new string('A', 20))!
        );

        Assert.Equal(one, same);
        Assert.Equal(one.GetHashCode(), same.GetHashCode());
        Assert.NotEqual(one, other);
        Assert.False(one.Equals((object?)null));
    }
}
