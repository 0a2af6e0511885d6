using AkkaCharging.Settings;
using CsCheck;

namespace AkkaCharging.Tests.Settings;

[Trait("Category", "Unit")]
public sealed class UnknownKeysTests
{
    private static readonly string[] Known =
    [
        "stationId",
        "driverToken",
        "callbackUrl",
        "validForMillis",
        "callbackFormat",
    ];

    [Theory]
    [InlineData(0)]
    [InlineData(19)]
    [InlineData(32)]
    [InlineData(100)]
    [InlineData(1_000)]
    public void NameOfALengthThatIsFarFromEveryOther_IsComparedWithNone(int length)
    {
        var name = new string('a', length);

        Assert.Empty(UnknownKeys.Comparable(name, Known));
        Assert.Null(UnknownKeys.MostAlike(name, Known));
    }

    [Fact]
    public void Name_IsComparedWithThoseOfItsLength_WithTheUnitAndWithout()
    {
        Assert.Equal(["stationId", "validForMillis", "callbackFormat"], UnknownKeys.Comparable("validFor", Known));
        Assert.Equal(["validForMillis", "callbackFormat"], UnknownKeys.Comparable("validforrrrmillis", Known));
    }

    [Fact]
    public void NothingKnown_IsNothingAlike() => Assert.Null(UnknownKeys.MostAlike("stationId", []));

    [Fact]
    public void KnownNameWithFewMistakes_IsFound()
    {
        var mistaken =
            from known in Gen.OneOf(Known)
            from at in Gen.Int[0, known.Length - 1]
            from length in Gen.Int[0, 2]
            from letters in Gen.Char['a', 'z'].Array[0, 2]
            select (
                Known: known,
                Given: known[..at] + new string(letters) + known[Math.Min(known.Length, at + length)..]
            );

        mistaken.Sample(name => Assert.Equal(name.Known, UnknownKeys.MostAlike(name.Given, Known)));
    }
}
