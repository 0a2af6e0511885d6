using AkkaCharging.Host.Http;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Http;

[Trait("Category", "Unit")]
public sealed class OnceAMinuteTests
{
    [Fact]
    public void LinesOfAMinute_AreCounted_AndTheNextSaysHowMany()
    {
        var time = new FakeTimeProvider();
        var lines = new OnceAMinute(time);

        Assert.Equal((true, 0), (lines.TryTake(out var leftOut), leftOut));
        for (var i = 0; i < 1_000; i++)
            Assert.False(lines.TryTake(out _));
        time.Advance(TimeSpan.FromSeconds(59));
        Assert.False(lines.TryTake(out _));
        time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal((true, 1_001), (lines.TryTake(out leftOut), leftOut));
        Assert.False(lines.TryTake(out _));
    }
}
