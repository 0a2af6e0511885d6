using AkkaCharging.Pipeline.Stages;
using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline.Stages;

[Trait("Category", "Unit")]
public sealed class TokenBucketTests
{
    private static readonly FakeTimeProvider Time = new();
    private static readonly double Second = Time.TimestampFrequency;

    [Fact]
    public void AfterAQuietSpell_TheBurstStartsAtOnce_AndNoMore()
    {
        var bucket = new TokenBucket(perSecond: 10, burst: 3, Time);

        Assert.Equal([0, 0, 0, 0.1, 0.2], Starts(bucket, readyAt: 0, count: 5));
        Assert.Equal([100, 100, 100, 100.1], Starts(bucket, readyAt: 100, count: 4));
    }

    [Fact]
    public void TokenThatIsTaken_IsWaitedFor()
    {
        var time = new FakeTimeProvider();
        var bucket = new TokenBucket(perSecond: 10, burst: 1, time);

        Assert.Equal(0, bucket.TryTake());
        Assert.Equal(0.1 * Second, bucket.TryTake(), 6);
        time.Advance(TimeSpan.FromMilliseconds(60));
        Assert.Equal(0.04 * Second, bucket.TryTake(), 6);
        time.Advance(TimeSpan.FromMilliseconds(40));
        Assert.Equal(0, bucket.TryTake());
    }

    [Fact]
    public void BurstIsTakenAtOnce_AndTheNextTokenIsWaitedFor()
    {
        var bucket = new TokenBucket(perSecond: 10, burst: 3, new FakeTimeProvider());

        Assert.Equal([0, 0, 0], Enumerable.Range(0, 3).Select(_ => bucket.TryTake()));
        Assert.Equal(0.1 * Second, bucket.TryTake(), 6);
    }

    [Fact]
    public void TokenThatIsOneTickAway_IsWaitedFor()
    {
        var bucket = new TokenBucket(perSecond: Second, burst: 1, new FakeTimeProvider());

        Assert.Equal(0, bucket.TryTake());
        Assert.Equal(1, bucket.TryTake());
    }

    [Fact]
    public void Level_IsTheWholeBurst_UntilATokenIsTaken()
    {
        var bucket = new TokenBucket(perSecond: 10, burst: 3, new FakeTimeProvider());

        Assert.Equal((3, 0), bucket.Level);
        bucket.TryTake();
        Assert.Equal((2, 0.1 * Second), bucket.Level);
    }

    [Fact]
    public void Level_RisesByATokenInEachInterval_UpToTheBurst()
    {
        var time = new FakeTimeProvider();
        var bucket = new TokenBucket(perSecond: 10, burst: 3, time);
        time.Advance(TimeSpan.FromSeconds(7)); // so that the bucket's age is not mistaken for what is left
        for (var i = 0; i < 3; i++)
            bucket.TryTake();

        Assert.Equal((0, 0.3 * Second), bucket.Level);
        time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.Equal((0, 201 * Second / 1_000), bucket.Level);
        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal((1, 0.2 * Second), bucket.Level);
        time.Advance(TimeSpan.FromMilliseconds(200));
        Assert.Equal((3, 0), bucket.Level);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((3, 0), bucket.Level);
    }

    [Fact]
    public void Level_IsNeverBelowZero_HoweverManyStartsAreReserved()
    {
        var bucket = new TokenBucket(perSecond: 10, burst: 3, new FakeTimeProvider());

        for (var i = 0; i < 20; i++)
            bucket.Reserve(0);

        Assert.Equal((0, 2 * Second), bucket.Level);
    }

    [Fact]
    public void StartThatIsGivenBack_IsTakenByWhoIsReadyJustThen()
    {
        var bucket = new TokenBucket(perSecond: 10, burst: 1, Time);
        Assert.Equal([0, 0.1, 0.2, 0.3], Starts(bucket, readyAt: 0, count: 4));

        bucket.Return(0.2 * Second);

        Assert.Equal([0.2, 0.4], Starts(bucket, readyAt: 0.2, count: 2));
    }

    [Fact]
    public void StartThatWouldBeTooLate_TakesNoToken()
    {
        var bucket = new TokenBucket(perSecond: 10, burst: 1, Time);

        Assert.Equal(0, bucket.TryReserve(readyAt: 0, latest: 0.09 * Second));
        for (var i = 0; i < 1_000; i++)
            Assert.Null(bucket.TryReserve(readyAt: 0, latest: 0.09 * Second));

        Assert.Equal(0.1 * Second, bucket.TryReserve(readyAt: 0, latest: 0.1 * Second));
    }

    [Fact]
    public void StartThatIsGivenBack_IsTheNextOne_UntilItHasPassed()
    {
        var bucket = new TokenBucket(perSecond: 10, burst: 1, Time);
        Assert.Equal([0, 0.1, 0.2, 0.3], Starts(bucket, readyAt: 0, count: 4));

        bucket.Return(0.2 * Second);
        bucket.Return(0.1 * Second);

        Assert.Null(bucket.TryReserve(readyAt: 0, latest: 0.09 * Second));
        Assert.Equal([0.1], Starts(bucket, readyAt: 0.05, count: 1));
        Assert.Equal([0.4], Starts(bucket, readyAt: 0.21, count: 1));
    }

    [Fact]
    public void OneOfSeveralBuckets_HasItsShareOfRateAndBurst()
    {
        var bucket = new TokenBucket(perSecond: 30, burst: 6, Time);

        bucket.Divide(3);
        Assert.Equal([0, 0, 0.1, 0.2], Starts(bucket, readyAt: 0, count: 4));
        bucket.Divide(12);
        Assert.Equal([100, 100.4, 100.8], Starts(bucket, readyAt: 100, count: 3)); // never less than one at once
        bucket.Divide(1);
        Assert.Equal([200, 200, 200, 200, 200, 200], Starts(bucket, readyAt: 200, count: 6));
    }

    /// <summary>A timestamp of today holds no fraction, and not every tick, once it is a double.</summary>
    [Fact]
    public void LargeTimestamps_DoNotBlurTheRate()
    {
        var time = new FakeTimeProvider(Sample.Now);
        var bucket = new TokenBucket(perSecond: 50_000, burst: 1, time);

        var taken = 0;
        for (var step = 0; step < 50_000; step++, time.Advance(TimeSpan.FromMicroseconds(20)))
            taken += bucket.TryTake() == 0 ? 1 : 0;

        Assert.Equal(50_000, taken);
    }

    /// <summary>
    /// No window has more than rate × window + burst starts, whoever gives a start back, and no element waits longer
    /// than necessary.
    /// </summary>
    [Fact]
    public void Starts_AreWithinRateAndBurst_InEveryWindow() =>
        Gen.Select(Gen.Double[0.1, 100_000], Gen.Int[1, 200], Gen.Select(Gen.Double[0, 3], Gen.Int[0, 4]).Array[1, 300])
            .Sample(
                (perSecond, burst, gaps) =>
                {
                    var bucket = new TokenBucket(perSecond, burst, Time);
                    var readyAt = 0.0;
                    var starts = new List<double>();
                    foreach (var (gap, leaves) in gaps)
                    {
                        readyAt += gap / perSecond * Second;
                        var startAt = bucket.Reserve(readyAt);
                        Assert.True(startAt >= readyAt);
                        if (leaves == 0 && startAt > readyAt)
                            bucket.Return(startAt);
                        else
                            starts.Add(startAt);
                    }

                    starts.Sort();
                    for (var first = 0; first < starts.Count; first++)
                    {
                        for (var last = first; last < starts.Count; last++)
                            Assert.True(
                                last - first + 1 <= (perSecond * (starts[last] - starts[first]) / Second) + burst + 1e-3
                            );
                    }
                },
                iter: 200
            );

    [Fact]
    public void ManyThreads_ShareOneRate()
    {
        var bucket = new TokenBucket(perSecond: 1_000, burst: 1, Time);

        var starts = ParallelEnumerable.Range(0, 1_000).Select(_ => bucket.Reserve(0)).Order().ToList();

        Assert.All(starts.Index(), start => Assert.Equal(start.Index * Second / 1_000, start.Item, 3));
    }

    private static IEnumerable<double> Starts(TokenBucket bucket, double readyAt, int count) =>
        Enumerable.Range(0, count).Select(_ => Math.Round(bucket.Reserve(readyAt * Second) / Second, 6)).ToList();
}
