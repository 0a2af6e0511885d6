using AkkaCharging.Requests;
using CsCheck;

namespace AkkaCharging.Tests.Requests;

[Trait("Category", "Unit")]
public sealed class StationIdTests
{
    private const string Valid = "0b7c1d2e-3f40-4a51-8b62-9c73ad84be95";

    [Theory]
    [InlineData(Valid)]
    [InlineData("0B7C1D2E-3F40-4A51-8B62-9C73AD84BE95")]
    [InlineData("0b7c1d2e-3F40-4a51-8B62-9c73ad84be95")]
    [InlineData("00000000-0000-0000-0000-000000000000")]
    public void UuidInAnyCase_IsKeptAsWritten(string text)
    {
        var station = StationId.TryCreate(text);

        Assert.Equal(text, station?.Text);
        Assert.Equal(text, station?.ToString());
        Assert.Equal(Guid.Parse(text), station?.Value);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("0b7c1d2e3f404a518b629c73ad84be95")]
    [InlineData("{0b7c1d2e-3f40-4a51-8b62-9c73ad84be95}")]
    [InlineData("(0b7c1d2e-3f40-4a51-8b62-9c73ad84be95)")]
    [InlineData("0b7c1d2e-3f40-4a51-8b62-9c73ad84be9")]
    [InlineData("0b7c1d2e-3f40-4a51-8b62-9c73ad84be955")]
    [InlineData("0b7c1d2e-3f404a51--8b62-9c73ad84be95")]
    [InlineData("0b7c1d2g-3f40-4a51-8b62-9c73ad84be95")]
    [InlineData(" 0b7c1d2e-3f40-4a51-8b62-9c73ad84be95")]
    [InlineData("0b7c1d2e-3f40-4a51-8b62-9c73ad84be95\n")]
    [InlineData("+b7c1d2e-3f40-4a51-8b62-9c73ad84be95")]
    [InlineData("0x7c1d2e-3f40-4a51-8b62-9c73ad84be95")]
    [InlineData("0b7c1d2e-0x40-4a51-8b62-9c73ad84be95")]
    [InlineData("0b7c1d2e-3f40-4a51-8b62-9c73ad84be9\u0665")]
    public void AnythingElse_IsRefused(string? text) => Assert.Null(StationId.TryCreate(text));

    /// <summary>
    /// What is accepted goes into the callback's body as it is, so no character may pass that JSON would escape.
    /// </summary>
    [Fact]
    public void NoAcceptedText_HoldsACharacterThatIsNotHexadecimalOrAHyphen() =>
        Gen.Select(Gen.Int[0, Valid.Length - 1], Gen.Char)
            .Sample(
                (index, character) =>
                {
                    var text = string.Concat(Valid.AsSpan(0, index), [character], Valid.AsSpan(index + 1));

                    Assert.Equal(
                        (Valid[index] == '-') ? character == '-' : char.IsAsciiHexDigit(character),
                        StationId.TryCreate(text) is not null
                    );
                }
            );
}
