using AkkaCharging.Journal;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Unit")]
public sealed class ClockWitnessTests
{
    [Fact]
    public void Text_IsReadBack_WithoutAWordOnWhetherTheClockIsSteady() =>
        Assert.Equal(
            new ClockWitness("boot-1", 42, IsSteady: false),
            ClockWitness.Parse(new ClockWitness("boot-1", 42, IsSteady: true).ToString())
        );

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("boot-1")]
    [InlineData("boot-1/")]
    [InlineData("boot-1/x")]
    [InlineData("boot-1/-1")]
    [InlineData("boot-1/1/2")]
    [InlineData("boot-1/9223372036854775808")]
    public void AnythingElse_IsRefused(string text) => Assert.Null(ClockWitness.Parse(text));

    [Theory]
    [InlineData("boot-1")]
    [InlineData(null)]
    public void TimeWithAWitnessOfItsOwn_IsAskedForIt(string? boot)
    {
        var time = new SteppingTime { Boot = boot };

        Assert.Equal(((IWitnessedTime)time).Witness, ClockWitness.OfMachine(time));
    }

    [Fact]
    public void TimeThatIsNotTheMachines_HasNone() => Assert.Null(ClockWitness.OfMachine(new FakeTimeProvider()));
}
