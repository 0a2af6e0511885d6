using AkkaCharging.Pipeline;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline;

[Trait("Category", "Unit")]
public sealed class AdmissionTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void AsManyAsThereArePlaces_Enter_AndAPlaceGivenBackIsTakenAgain()
    {
        var admission = new Admission(2, _time);

        Assert.Equal([true, true, false], [admission.TryEnter(), admission.TryEnter(), admission.TryEnter()]);
        Assert.Equal(2, admission.Pending);
        admission.Leave();
        Assert.Equal(1, admission.Pending);
        Assert.True(admission.TryEnter());
        Assert.False(admission.TryEnter());
    }

    [Fact]
    public void ManyThreads_NeverTakeMoreThanThereAre()
    {
        var admission = new Admission(100, _time);

        var entered = ParallelEnumerable.Range(0, 10_000).Count(_ => admission.TryEnter());

        Assert.Equal(100, entered);
        Assert.Equal(100, admission.Pending);
    }

    [Fact]
    public void NothingLeaves_AsksForTheLongestWait() => Assert.Equal(TimeSpan.FromSeconds(60), Filled(100).RetryAfter());

    [Theory]
    [InlineData(100, 10, 5)] // half of 100 at 10 a second
    [InlineData(1_000, 10, 50)]
    [InlineData(1_000, 1, 60)]
    [InlineData(10, 1_000, 1)]
    public void Wait_IsHalfOfTheQueueAtTheRateAtWhichItDrains_From1To60Seconds(int pending, int perSecond, double expectedSeconds)
    {
        var admission = Filled(pending);

        Drain(admission, perSecond, seconds: 20);

        Assert.InRange(admission.RetryAfter().TotalSeconds, expectedSeconds * 0.95, expectedSeconds * 1.05);
    }

    [Fact]
    public void QuietHour_DoesNotBlurTheRateOfTheLastSeconds()
    {
        var admission = Filled(100);
        _time.Advance(TimeSpan.FromHours(1));

        Drain(admission, perSecond: 10, seconds: 1);

        Assert.InRange(admission.RetryAfter().TotalSeconds, 4, 6);
    }

    [Fact]
    public void QueueThatStopsToDrain_AsksForTheLongestWait_AfterTwoWindows()
    {
        var admission = Filled(100);
        Drain(admission, perSecond: 10, seconds: 20);

        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(TimeSpan.FromSeconds(60), admission.RetryAfter());
    }

    private Admission Filled(int pending)
    {
        var admission = new Admission(pending, _time);
        for (var i = 0; i < pending; i++)
            Assert.True(admission.TryEnter());
        return admission;
    }

    // As many enter as leave.
    private void Drain(Admission admission, int perSecond, int seconds)
    {
        for (var i = 0; i < perSecond * seconds; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1.0 / perSecond));
            admission.Leave();
            Assert.True(admission.TryEnter());
        }
    }
}
