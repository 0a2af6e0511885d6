using Akka.Streams;
using Akka.Streams.Dsl;
using Akka.TestKit;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Stages;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using CsCheck;

namespace AkkaCharging.Tests.Pipeline.Stages;

/// <summary>
/// Each step of the clock is complete before the next: streams run on the thread that advances the clock, and the test
/// waits for endless ones.
/// </summary>
[Trait("Category", "Component")]
public sealed class ThrottleStageTests : Akka.TestKit.Xunit2.TestKit
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private readonly SteppingTime _time = new();
    private readonly ActorMaterializer _materializer;
    private int _endless;

    public ThrottleStageTests() =>
        _materializer = Sys.Materializer(
            ActorMaterializerSettings.Create(Sys).WithDispatcher(CallingThreadDispatcher.Id)
        );

    public static TheoryData<int, int, int> RatesAndSteps()
    {
        var data = new TheoryData<int, int, int>();
        foreach (var rate in (int[])[10, 100, 1_000, 10_000, 50_000])
        {
            foreach (var stepMillis in (int[])[1, 10, 25])
            {
                data.Add(rate, 1, stepMillis);
                data.Add(rate, Math.Max(1, rate / 10), stepMillis);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(RatesAndSteps))]
    public async Task Rate_HoldsWithin2Percent_AlsoWhenTimersAreLate(int perSecond, int burst, int stepMillis)
    {
        var passed = await RunAsync(perSecond, burst);
        var window = TimeSpan.FromSeconds(Math.Max(1, 200.0 / perSecond));

        var before = passed.Count;
        Advance(window, stepMillis);

        Assert.InRange(
            passed.Count - before,
            (perSecond * window.TotalSeconds * 0.98) - 1,
            (perSecond * window.TotalSeconds * 1.02) + 1
        );
    }

    [Theory]
    [InlineData(10, 5)]
    [InlineData(1_000, 100)]
    [InlineData(50_000, 5_000)]
    public async Task QuietSpell_EarnsTheBurst_AndNoMore(int perSecond, int burst)
    {
        var (intake, passed) = await RunQueueAsync(perSecond, burst, size: burst * 3);
        Advance(TimeSpan.FromHours(1), stepMillis: 600_000);

        for (var i = 0; i < burst * 2; i++)
            await intake.OfferAsync(i);

        await Eventually.HoldsAsync(() => passed.Count >= burst, "the burst passes");
        Assert.Equal(burst, passed.Count);
        Advance(TimeSpan.FromSeconds((double)burst / perSecond) + TimeSpan.FromMilliseconds(2), stepMillis: 1);
        Assert.Equal(burst * 2, passed.Count);
        Assert.Equal(Enumerable.Range(0, burst * 2), passed.Elements);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task WallClockThatSteps_ChangesNothing(int hours)
    {
        var passed = await RunAsync(perSecond: 100, burst: 1);
        Advance(Second, stepMillis: 1);
        var before = passed.Count;

        _time.Step = TimeSpan.FromHours(hours);
        Advance(Second, stepMillis: 1);

        Assert.InRange(passed.Count - before, 98, 102);
    }

    [Fact]
    public async Task BackpressureOfTenSeconds_IsFollowedByTheBurstAlone()
    {
        const int PerSecond = 1_000;
        const int Burst = 50;
        var gate = new TaskCompletionSource();
        var passed = new Passed(_time);
        _ = Start(Source.Repeat(0), PerSecond, Burst)
            .SelectAsync(
                1,
                async element =>
                {
                    passed.Add(element);
                    await gate.Task;
                    return element;
                }
            )
            .RunWith(Sink.Ignore<int>(), _materializer);
        await Eventually.HoldsAsync(() => passed.Count == 1, "the first element passes");
        Advance(TimeSpan.FromSeconds(10), stepMillis: 10);
        var before = passed.Count;
        Assert.InRange(before, 1, 2);

        gate.SetResult();
        await Eventually.HoldsAsync(() => passed.Count >= before + Burst - 2, "the burst passes");
        Advance(Second, stepMillis: 10);

        Assert.InRange(passed.Count - before, PerSecond + Burst - 30, PerSecond + Burst + 1);
    }

    [Fact]
    public async Task FreeElements_PassWithoutATokenAndWithoutWaiting()
    {
        var passed = new Passed(_time);
        var source = Source.From(Enumerable.Range(1, 1_000).Select(i => i % 100 == 0 ? i : -i));

        var done = Start(source, perSecond: 10, burst: 1).RunForeach(passed.Add, _materializer);
        Advance(TimeSpan.FromMilliseconds(850), stepMillis: 10);
        Assert.InRange(passed.Count, 890, 999);
        Advance(TimeSpan.FromMilliseconds(100), stepMillis: 10);

        await done.WaitAsync(Second * 10);
        Assert.Equal(1_000, passed.Count);
    }

    [Fact]
    public async Task Completion_EmitsTheWaitingElementFirst()
    {
        var (intake, passed) = await RunQueueAsync(perSecond: 1, burst: 1, size: 4);
        await intake.OfferAsync(1);
        await intake.OfferAsync(2);
        await Eventually.HoldsAsync(() => passed.Count == 1, "the first passes, the second waits");

        intake.Complete();
        await intake.WatchCompletionAsync().WaitAsync(Second * 10);
        Assert.False(passed.Done!.IsCompleted);
        Advance(Second, stepMillis: 100);

        await passed.Done.WaitAsync(Second * 10);
        Assert.Equal([1, 2], passed.Elements);
    }

    [Fact]
    public async Task CompletionWithoutAWaitingElement_IsPassedOnAtOnce()
    {
        var (intake, passed) = await RunQueueAsync(perSecond: 1, burst: 1, size: 4);

        intake.Complete();

        await passed.Done!.WaitAsync(Second * 10);
        Assert.Equal(0, passed.Count);
    }

    [Fact]
    public async Task Failure_IsPassedOnAtOnce_AndDropsTheWaitingElement()
    {
        var (intake, passed) = await RunQueueAsync(perSecond: 1, burst: 1, size: 4);
        await intake.OfferAsync(1);
        await intake.OfferAsync(2);
        await Eventually.HoldsAsync(() => passed.Count == 1, "the first passes");

        intake.Fail(new InvalidOperationException("upstream"));

        Assert.Equal(
            "upstream",
            (await Assert.ThrowsAnyAsync<Exception>(() => passed.Done!.WaitAsync(Second * 10)))
                .GetBaseException()
                .Message
        );
        Advance(Second * 5, stepMillis: 100);
        Assert.Equal([1], passed.Elements);
    }

    [Fact]
    public async Task Cancellation_ReachesUpstream_AlsoWhileAnElementWaits()
    {
        var ((intake, downstream), done) = Start(Source.Queue<int>(4, OverflowStrategy.DropNew), perSecond: 1, burst: 1)
            .ViaMaterialized(KillSwitches.Single<int>(), Keep.Both)
            .ToMaterialized(Sink.Ignore<int>(), Keep.Both)
            .Run(_materializer);
        await intake.OfferAsync(1);
        await intake.OfferAsync(2);

        downstream.Shutdown();

        await done.WaitAsync(Second * 10);
        await intake.WatchCompletionAsync().WaitAsync(Second * 10);
        await Eventually.HoldsAsync(() => _time.Disposed == 1, "the stage's timer is gone");
    }

    [Fact]
    public async Task ZeroElements_AreNoLimit()
    {
        var bucket = ThrottleStage.CreateBucket(new ThrottleSettings(Elements: 0, Second, Burst: 1), _time);
        Assert.Null(bucket);

        var passed = await Source
            .From(Enumerable.Range(0, 5_000).Select(_ => Sample.Pending()))
            .Via(ThrottleStage.Create(bucket, _ => long.MaxValue, _time))
            .RunAggregate(0, (count, _) => count + 1, Sys.Materializer());

        Assert.Equal(5_000, passed);
    }

    [Fact]
    public async Task RequestsThatAreNotPutToTheAuthorizer_TakeNoToken()
    {
        var bucket = ThrottleStage.CreateBucket(
            new ThrottleSettings(Elements: 1, TimeSpan.FromHours(1), Burst: 2),
            _time
        );
        PendingRequest[] free =
        [
            Sample.Decided(acceptedAt: _time.GetUtcNow()),
            Sample.Pending(acceptedAt: _time.GetUtcNow() - TimeSpan.FromHours(1)),
        ];
        PendingRequest[] charged =
        [
            Sample.Pending(acceptedAt: _time.GetUtcNow()),
            Sample.Pending(acceptedAt: _time.GetUtcNow()),
        ];

        var passed = await Source
            .From([.. Enumerable.Repeat(free, 100).SelectMany(pending => pending), .. charged])
            .Via(ThrottleStage.Create(bucket, _ => long.MaxValue, _time))
            .RunWith(Sink.Seq<PendingRequest>(), Sys.Materializer())
            .WaitAsync(Second * 10);

        Assert.Equal(202, passed.Count);
    }

    [Fact]
    public async Task Lanes_ShareOneRate()
    {
        var bucket = new TokenBucket(perSecond: 1_000, burst: 1, _time);
        var lanes = Enumerable.Range(0, 3).Select(_ => new Passed(_time)).ToList();
        foreach (var lane in lanes)
            _ = Source
                .Repeat(0)
                .Via(new ThrottleStage<int>(bucket, _ => false, _ => long.MaxValue, _time))
                .RunForeach(lane.Add, _materializer);
        await Eventually.HoldsAsync(() => _time.Timers == 3 && lanes.Sum(lane => lane.Count) >= 1, "the lanes run");

        Advance(Second * 2, stepMillis: 1);

        Assert.InRange(lanes.Sum(lane => lane.Count), 1_960, 2_041);
        Assert.All(lanes, lane => Assert.InRange(lane.Count, 1, 2_000));
    }

    /// <summary>A lane that another node has by now uses up nothing of this node's rate.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task StageThatStops_LetsAllPass_AndGivesBackWhatItReserved(bool passesEarlier)
    {
        var latest = passesEarlier ? _time.GetTimestamp() + (5 * _time.TimestampFrequency) : long.MaxValue;
        var bucket = new TokenBucket(perSecond: 0.1, burst: 1, _time);
        using var stopping = new CancellationTokenSource();
        var passed = Source
            .From(Enumerable.Range(0, 100))
            .Via(new ThrottleStage<int>(bucket, _ => false, _ => latest, _time, stopping.Token))
            .RunWith(Sink.Seq<int>(), Sys.Materializer());
        await Eventually.HoldsAsync(() => _time.Armed > 0, "the second element waits");

        await stopping.CancelAsync();

        Assert.Equal(Enumerable.Range(0, 100), await passed.WaitAsync(Eventually.Patience));
        Assert.Equal(10, bucket.Reserve(bucket.Now) / _time.TimestampFrequency, precision: 3);
    }

    /// <summary>
    /// A request passes at its deadline although its token comes later; the token is then the next request's.
    /// </summary>
    [Fact]
    public async Task RequestAtItsDeadline_PassesWithoutItsToken_WhichTheNextOneTakes()
    {
        long[] latest = [long.MaxValue, _time.GetTimestamp() + _time.TimestampFrequency, long.MaxValue, long.MaxValue];
        var passed = new Passed(_time);
        _ = Source
            .From(Enumerable.Range(0, latest.Length))
            .Via(
                new ThrottleStage<int>(
                    new TokenBucket(perSecond: 0.1, burst: 1, _time),
                    _ => false,
                    element => latest[element],
                    _time
                )
            )
            .RunForeach(passed.Add, Sys.Materializer());
        var start = _time.GetUtcNow();
        var passedAt = new List<double>();
        foreach (var count in Enumerable.Range(1, latest.Length))
        {
            await Eventually.HoldsAsync(
                () =>
                {
                    if (passed.Count < count)
                        _time.Advance(TimeSpan.FromMilliseconds(100));
                    return passed.Count >= count;
                },
                $"element {count} passes"
            );
            passedAt.Add((_time.GetUtcNow() - start).TotalSeconds);
        }

        // The clock goes on while the stage works.
        Assert.InRange(passedAt[1], 1, 5);
        Assert.InRange(passedAt[2], 10, 15);
        Assert.InRange(passedAt[3], 20, 25);
    }

    /// <summary>A request that expires while it waits passes then, and the next one takes its token.</summary>
    [Fact]
    public async Task RequestThatExpiresWhileItWaits_PassesAtItsExpiry_WithoutItsToken()
    {
        PendingRequest[] requests =
        [
            Sample.Pending(acceptedAt: _time.GetUtcNow()),
            Sample.Pending(acceptedAt: _time.GetUtcNow(), age: Second),
            Sample.Pending(acceptedAt: _time.GetUtcNow()),
        ];
        var bucket = ThrottleStage.CreateBucket(new ThrottleSettings(Elements: 1, Second * 10, Burst: 1), _time);
        var passed = new Passed(_time);
        var done = Source
            .From(requests)
            .Via(ThrottleStage.Create(bucket, pending => pending.Deadline, _time))
            .Select(pending => Array.IndexOf(requests, pending))
            .RunForeach(passed.Add, _materializer);

        Advance(Second - TimeSpan.FromMilliseconds(1), stepMillis: 999);
        Assert.Equal([0], passed.Elements);
        Advance(stepMillis: 1);
        Assert.Equal([0, 1], passed.Elements);
        Advance(Second * 9 - TimeSpan.FromMilliseconds(1), stepMillis: 8_999);
        Assert.Equal([0, 1], passed.Elements);
        Advance(stepMillis: 1);

        await done.WaitAsync(Second * 10);
        Assert.Equal([0, 1, 2], passed.Elements);
    }

    /// <summary>The next element has the token of the one whose timer was late, however late that was.</summary>
    [Fact]
    public async Task ElementAfterOneThatPassedLateAtItsDeadline_TakesTheTokenThatIsLeft()
    {
        long[] latest = [long.MaxValue, _time.GetTimestamp() + _time.TimestampFrequency, long.MaxValue];
        var bucket = new TokenBucket(perSecond: 0.1, burst: 1, _time);
        var (intake, passed) = await RunQueueAsync(bucket, size: 4, element => latest[element]);
        await OfferAsync(intake, latest.Length);
        Assert.Equal([0], passed.Elements);

        _time.Advance(Second * 21);

        Assert.Equal([0, 1, 2], passed.Elements);
    }

    [Fact]
    public async Task ElementWhoseTokenComesAtItsDeadline_UsesItUp()
    {
        long[] latest = [long.MaxValue, _time.GetTimestamp() + (10 * _time.TimestampFrequency), long.MaxValue];
        var bucket = new TokenBucket(perSecond: 0.1, burst: 1, _time);
        var (intake, passed) = await RunQueueAsync(bucket, size: 4, element => latest[element]);
        await OfferAsync(intake, latest.Length);

        _time.Advance(Second * 10);
        Assert.Equal([0, 1], passed.Elements);
        _time.Advance(Second * 10);
        Assert.Equal([0, 1, 2], passed.Elements);
    }

    [Fact]
    public async Task ElementsThatAreDue_SetNoTimer()
    {
        var (intake, passed) = await RunQueueAsync(perSecond: 1, burst: 3, size: 4);

        await OfferAsync(intake, 3);

        Assert.Equal((3, 0), (passed.Count, _time.Armed));
    }

    /// <summary>The second element's timer is 5 s late: that many elements are due as well.</summary>
    [Theory]
    [InlineData(0, 5)]
    [InlineData(1, 5)]
    [InlineData(2, 1)]
    public async Task LateTimer_IsMadeUpFor_UnlessElementsPauseForMoreThanAMillisecond(int pauseMillis, int more)
    {
        var (intake, passed) = await RunQueueAsync(perSecond: 1, burst: 1, size: 16);
        await OfferAsync(intake, 2);
        _time.Advance(Second * 6);
        Assert.Equal(2, passed.Count);

        _time.Advance(TimeSpan.FromMilliseconds(pauseMillis));
        await OfferAsync(intake, 10);

        Assert.Equal(2 + more, passed.Count);
    }

    [Fact]
    public async Task ElementsThatComeMoreSlowlyThanTheRate_EarnNoMoreThanTheBurst()
    {
        var (intake, passed) = await RunQueueAsync(perSecond: 10_000, burst: 1, size: 32);
        for (var i = 0; i < 100; i++)
        {
            await OfferAsync(intake, 1);
            _time.Advance(TimeSpan.FromMilliseconds(1));
        }

        Assert.Equal(100, passed.Count);
        await OfferAsync(intake, 20);

        Assert.Equal(101, passed.Count);
    }

    /// <summary>A question of a caller who waits may be given up just after its turn.</summary>
    [Fact]
    public async Task StartGivenBackAfterItHasPassed_IsNobodys()
    {
        var bucket = new TokenBucket(perSecond: 1, burst: 1, _time);
        var (intake, passed) = await RunQueueAsync(bucket, size: 4, _ => long.MaxValue);
        var question = bucket.Reserve(bucket.Now);
        await OfferAsync(intake, 1);
        bucket.Return(question);

        _time.Advance(Second);
        await OfferAsync(intake, 1);

        Assert.Equal(1, passed.Count);
        _time.Advance(Second);
        Assert.Equal(2, passed.Count);
    }

    /// <summary>The runtime counts whole milliseconds.</summary>
    [Fact]
    public async Task TimerThatIsEarly_IsSetAgain()
    {
        var (intake, passed) = await RunQueueAsync(perSecond: 1, burst: 1, size: 4);
        _time.NextIsEarlyBy = TimeSpan.FromMilliseconds(1);
        await OfferAsync(intake, 2);

        _time.Advance(TimeSpan.FromMilliseconds(999));
        Assert.Equal((1, 1), (_time.Fired, passed.Count));
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal((2, 2), (_time.Fired, passed.Count));
    }

    [Fact]
    public async Task CompletionAfterTheElementThatWaited_IsPassedOnAtOnce()
    {
        var (intake, passed) = await RunQueueAsync(perSecond: 1, burst: 1, size: 4);
        await OfferAsync(intake, 2);
        _time.Advance(Second);
        Assert.Equal(2, passed.Count);

        intake.Complete();

        await passed.Done!.WaitAsync(Second * 10);
    }

    /// <summary>In every window pass at most rate × (window + lateness of the timers) + burst.</summary>
    [Fact]
    public Task Emissions_AreWithinRateAndBurst_WhateverTheTimersDo() =>
        Gen.Select(Gen.Int[10, 5_000], Gen.Int[1, 100], Gen.Int[1, 40].Array[20, 60])
            .SampleAsync(
                async drawn =>
                {
                    var (perSecond, burst, steps) = drawn;
                    var passed = await RunAsync(perSecond, burst);
                    foreach (var step in steps)
                        Advance(step);

                    var at = passed.Times;
                    var lateness = steps.Max() / 1_000.0;
                    for (var first = 0; first < at.Count; first += 1 + (at.Count / 300))
                    {
                        for (var last = first; last < at.Count; last++)
                        {
                            var seconds = at[last] - at[first];
                            if (last - first + 1 > (perSecond * (seconds + lateness)) + burst + 1)
                                Assert.Fail($"{last - first + 1} in {seconds} s");
                        }
                    }
                },
                iter: 30,
                threads: 1
            );

    private Source<int, TMat> Start<TMat>(Source<int, TMat> source, double perSecond, int burst) =>
        source.Via(Stage(new TokenBucket(perSecond, burst, _time), _ => long.MaxValue));

    private ThrottleStage<int> Stage(TokenBucket bucket, Func<int, long> latest) =>
        new(bucket, element => element < 0, latest, _time);

    private static async Task OfferAsync(ISourceQueueWithComplete<int> intake, int count)
    {
        for (var i = 0; i < count; i++)
            await intake.OfferAsync(i);
    }

    /// <summary>An endless source behind the throttle, after its first burst.</summary>
    private async Task<Passed> RunAsync(double perSecond, int burst)
    {
        var passed = new Passed(_time);
        var timers = _time.Armed;
        passed.Done = Start(Source.Repeat(0), perSecond, burst).RunForeach(passed.Add, Sys.Materializer());
        _endless++;
        await Eventually.HoldsAsync(
            () => _time.Armed > timers && passed.Count >= burst,
            "the burst passes and the next element waits"
        );
        Assert.Equal(burst, passed.Count);
        return passed;
    }

    private Task<(ISourceQueueWithComplete<int> Intake, Passed Passed)> RunQueueAsync(
        double perSecond,
        int burst,
        int size
    ) => RunQueueAsync(new TokenBucket(perSecond, burst, _time), size, _ => long.MaxValue);

    private async Task<(ISourceQueueWithComplete<int> Intake, Passed Passed)> RunQueueAsync(
        TokenBucket bucket,
        int size,
        Func<int, long> latest
    )
    {
        var passed = new Passed(_time);
        var timers = _time.Timers;
        var (intake, done) = Source
            .Queue<int>(size, OverflowStrategy.DropNew)
            .Via(Stage(bucket, latest))
            .ToMaterialized(Sink.ForEach<int>(passed.Add), Keep.Both)
            .Run(_materializer);
        passed.Done = done;
        await Eventually.HoldsAsync(() => _time.Timers > timers, "the stage runs");
        return (intake, passed);
    }

    private void Advance(TimeSpan span, int stepMillis)
    {
        for (var left = span; left > TimeSpan.Zero; left -= TimeSpan.FromMilliseconds(stepMillis))
            Advance(stepMillis);
    }

    // An endless stream has an element waiting before and after: each timer that comes due is followed by another.
    private void Advance(int stepMillis)
    {
        _time.Advance(TimeSpan.FromMilliseconds(stepMillis));
        if (_endless > 0)
            Assert.True(SpinWait.SpinUntil(() => _time.Armed == _time.Fired + _endless, Second * 20));
    }

    /// <summary>Notes what passes and when.</summary>
    private sealed class Passed(TimeProvider time)
    {
        private readonly Lock _gate = new();
        private readonly List<(int Element, double At)> _passed = [];

        public Task? Done { get; set; }

        public int Count
        {
            get
            {
                lock (_gate)
                    return _passed.Count;
            }
        }

        public IReadOnlyList<int> Elements
        {
            get
            {
                lock (_gate)
                    return [.. _passed.Select(passed => passed.Element)];
            }
        }

        public IReadOnlyList<double> Times
        {
            get
            {
                lock (_gate)
                    return [.. _passed.Select(passed => passed.At)];
            }
        }

        public void Add(int element)
        {
            lock (_gate)
                _passed.Add((element, (double)time.GetTimestamp() / time.TimestampFrequency));
        }
    }
}
