using AkkaCharging.Receivers;

namespace AkkaCharging.Tests.Receivers;

[Trait("Category", "Unit")]
public sealed class EarnedLimitTests
{
    [Fact]
    public void AnswersWhileAllSlotsAreUsed_EarnOneMoreEach_UpToTheMaximum()
    {
        var limit = new EarnedLimit(max: 4);
        Assert.Equal(2, limit.Value);

        for (var i = 0; i < 10; i++)
            limit.OnAnswer(inFlight: limit.Value);

        Assert.Equal(4, limit.Value);
    }

    [Fact]
    public void AnswersWhileSlotsAreFree_EarnNothing()
    {
        var limit = new EarnedLimit(max: 64);

        for (var i = 0; i < 10; i++)
            limit.OnAnswer(inFlight: 1);

        Assert.Equal(2, limit.Value);
    }

    [Theory]
    [InlineData(64, new[] { 20, 10, 5, 2, 2 })]
    [InlineData(1, new[] { 1, 1 })]
    public void Failures_HalveIt_ToNotLessThan2(int max, int[] expected)
    {
        var limit = new EarnedLimit(max);
        while (limit.Value < expected[0])
            limit.OnAnswer(limit.Value);

        foreach (var value in expected)
        {
            Assert.Equal(value, limit.Value);
            limit.OnFailure();
        }
    }

    [Fact]
    public void MaximumThatIsLowered_ConfinesIt_AndItCanGrowAgainWhenRaised()
    {
        var limit = new EarnedLimit(max: 64);
        for (var i = 0; i < 20; i++)
            limit.OnAnswer(limit.Value);

        limit.SetMax(1);
        Assert.Equal(1, limit.Value);
        limit.OnFailure();
        Assert.Equal(1, limit.Value);
        limit.SetMax(64);
        limit.OnAnswer(limit.Value);

        Assert.Equal(2, limit.Value);
        limit.Reset();
        Assert.Equal(2, limit.Value);
    }
}
