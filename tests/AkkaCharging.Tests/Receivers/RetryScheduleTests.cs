using AkkaCharging.Receivers;
using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Receivers;

[Trait("Category", "Unit")]
public sealed class RetryScheduleTests
{
    private static readonly CallbackSettings Settings = SettingsLoader.Defaults.Callback with
    {
        MaxRetries = 3,
        RetryDelay = TimeSpan.FromSeconds(1),
        MaxRetryDelay = TimeSpan.FromSeconds(6),
        Jitter = 0.2,
    };

    [Fact]
    public void EachWait_IsTwiceTheOneBefore_UpToTheLongest()
    {
        Assert.Equal(
            [1, 2, 4, 5],
            Enumerable.Range(0, 4).Select(retry => RetrySchedule.Wait(Settings, retry).TotalSeconds)
        );
        Assert.Equal(TimeSpan.FromSeconds(5), RetrySchedule.Wait(Settings, int.MaxValue));
    }

    [Fact]
    public void LongestWait_IsNotLongerThanItsSetting_WithAllOfTheJitter() =>
        Assert.Equal(Settings.MaxRetryDelay, RetrySchedule.LongestWait(Settings) * (1 + Settings.Jitter));

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(2, 3)]
    [InlineData(3, 3)] // the third wait is the one before the last retry
    public void FirstWaits_LeaveOutTheLast(int count, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), RetrySchedule.FirstWaits(Settings, count));

    [Theory]
    [InlineData(1, 7)] // 1 + 2 + 4
    [InlineData(2, 6)]
    [InlineData(3, 4)]
    [InlineData(4, 0)]
    public void Remaining_IsTheSumOfTheWaitsLeft_EachWithItsJitter(int made, int seconds) =>
        Assert.Equal(seconds * 1.1, Remaining(made, TimeSpan.MaxValue).TotalSeconds, tolerance: 0.001);

    [Theory]
    [InlineData(1_099, 1_100)]
    [InlineData(1_100, 1_100)]
    [InlineData(1_101, 3_300)]
    public void Remaining_EndsWithTheFirstRetryAfterTheLifeOfTheRequest(int left, int millis) =>
        Assert.Equal(TimeSpan.FromMilliseconds(millis), Remaining(made: 1, TimeSpan.FromMilliseconds(left)));

    private static TimeSpan Remaining(int made, TimeSpan left) =>
        RetrySchedule.Remaining(Settings, made, left, new HalfOfIt());

    private sealed class HalfOfIt : Random
    {
        public override double NextDouble() => 0.5;
    }
}
