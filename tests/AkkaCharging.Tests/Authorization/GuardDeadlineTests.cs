using Akka.TestKit;
using AkkaCharging.Authorization;
using AkkaCharging.Requests;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Pipeline;
using AkkaCharging.Timing;

namespace AkkaCharging.Tests.Authorization;

/// <summary>Decisions that a caller needs by a certain time.</summary>
[Trait("Category", "Component")]
public sealed class GuardDeadlineTests()
    : Akka.TestKit.Xunit2.TestKit("akka.scheduler.implementation = \"Akka.TestKit.TestScheduler, Akka.TestKit\"")
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LittleTime = (Limit / 2) - TimeSpan.FromMilliseconds(1);

    private readonly ScriptedAuthorizer _authorizer = new();
    private readonly SteppingTime _time = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Deadline_EndsTheCall_AndItsLateAnswerIsDiscarded(bool breaker)
    {
        _authorizer.HangsAlways();
        var decision = DecideAsync(Guard(breaker: breaker), Limit);

        _time.Advance(Limit - TimeSpan.FromMilliseconds(1));
        Assert.False(decision.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(
            new Decision(AuthorizationStatus.Unknown, DecisionReason.Deadline, Queries.Now + Limit),
            await decision
        );
        await Eventually.HoldsAsync(() => _authorizer.Cancelled == 1, "the call is cancelled");
    }

    [Fact]
    public async Task DeadlineThatIsOver_AsksNobody()
    {
        var decision = await DecideAsync(Guard(), TimeSpan.Zero);

        Assert.Equal(DecisionReason.Deadline, decision.Reason);
        Assert.Equal(0, _authorizer.Calls);
    }

    [Fact]
    public async Task TimeoutThatComesFirst_IsATimeout()
    {
        _authorizer.HangsAlways();
        var decision = DecideAsync(Guard(timeout: TimeSpan.FromSeconds(1)), Limit);

        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(DecisionReason.Timeout, (await decision).Reason);
    }

    [Fact]
    public async Task DeadlineComesWhileTheQuestionWaitsForItsTurn()
    {
        _authorizer.HangsAlways();
        var guarded = Guard(parallelism: 1);
        var first = DecideAsync(guarded, TimeSpan.FromSeconds(10));
        var second = DecideAsync(guarded, Limit);

        _time.Advance(Limit);

        Assert.Equal(DecisionReason.Deadline, (await second).Reason);
        Assert.False(first.IsCompleted);
        Assert.Equal(1, _authorizer.Calls);
    }

    [Fact]
    public async Task QuestionThatIsOfNoUseAnyMore_DoesNotWaitForItsTurn_AndIsNotAsked()
    {
        _authorizer.HangsAlways();
        var guarded = Guard(parallelism: 1);
        var first = StartByAsync(guarded, TimeSpan.FromDays(1));
        var second = StartByAsync(guarded, Limit);

        _time.Advance(Limit);

        Assert.Null(await second);
        Assert.Null(await StartByAsync(Guard(), TimeSpan.Zero));
        Assert.Equal((1, false), (_authorizer.Calls, first.IsCompleted)); // nor does its end end a call
    }

    /// <summary>A request that is told early counts as expired, and the next stage would find that it is not.</summary>
    [Fact]
    public async Task QuestionThatWaitsForItsTurn_IsOfUseUntilItsTimeHasPassed_ThoughTimersAreEarly()
    {
        _time.EarlyBy = TimeSpan.FromMilliseconds(1);
        _authorizer.HangsAlways();
        var guarded = Guard(parallelism: 1);
        _ = StartByAsync(guarded, TimeSpan.FromDays(1));
        var waiting = StartByAsync(guarded, Limit);
        var timers = _time.Timers;

        _time.Advance(Limit - _time.EarlyBy);
        await Eventually.HoldsAsync(() => waiting.IsCompleted || _time.Timers > timers, "its timer was early");
        Assert.False(waiting.IsCompleted);
        _time.Advance(_time.EarlyBy);

        Assert.Null(await waiting.WaitAsync(Eventually.Patience));
    }

    /// <summary>The figures of a partner would otherwise show questions that it was never asked.</summary>
    [Fact]
    public async Task QuestionThatIsOfNoUseAnyMore_IsNoAnswer_UnlessItIsDecidedThen()
    {
        var guarded = Guard();
        var now = _time.GetTimestamp();

        Assert.Null(await guarded.DecideAsync(Queries.Some(), deadline: now + 1, startBy: now, CancellationToken.None));
        Assert.DoesNotContain(guarded.Answers, answer => answer.Count > 0);

        var decision = await guarded.DecideAsync(Queries.Some(), deadline: now, startBy: now, CancellationToken.None);
        Assert.Equal(DecisionReason.Deadline, decision?.Reason);
        Assert.Equal((DecisionReason.Deadline, 1L), guarded.Answers.Single(answer => answer.Count > 0));
        Assert.Equal(0, _authorizer.Calls);
    }

    /// <summary>A turn that a question at its deadline did not get is not lost.</summary>
    [Fact]
    public async Task TurnsAreGivenBack_HoweverQuestionsEnd()
    {
        _authorizer.HangsAlways();
        var guarded = Guard(parallelism: 2, breaker: false);
        for (var round = 0; round < 5; round++)
        {
            var asked = Enumerable.Range(0, 20).Select(_ => DecideAsync(guarded, Limit)).ToList();
            await Eventually.HoldsAsync(() => guarded.InFlight == 2, "both turns are taken");
            _time.Advance(Limit);
            Assert.All(await Task.WhenAll(asked), decision => Assert.Equal(DecisionReason.Deadline, decision.Reason));
            Assert.Equal(0, guarded.InFlight);
        }
    }

    [Fact]
    public async Task ParallelismIsKept_AlsoByAnswersThatComeAtOnce()
    {
        _authorizer.HangsAlways();
        var guarded = Guard(parallelism: 3);
        var asked = Enumerable.Range(0, 10).Select(_ => DecideAsync(guarded, Limit)).ToList();

        Assert.Equal(3, _authorizer.Calls);
        _time.Advance(Limit);
        await Task.WhenAll(asked);
        Assert.Equal(3, _authorizer.Calls); // the others had no time left
    }

    [Fact]
    public async Task SilenceWithinLittleTime_IsNoFailureOfTheAuthorizer()
    {
        _authorizer.HangsAlways();
        var guarded = Guard(maxFailures: 1);

        var brief = DecideAsync(guarded, (Limit / 2) - TimeSpan.FromMilliseconds(1));
        _time.Advance(Limit);
        Assert.Equal(DecisionReason.Deadline, (await brief).Reason);
        Assert.Equal(BreakerState.Closed, guarded.State);

        var enough = DecideAsync(guarded, Limit / 2);
        _time.Advance(Limit);
        Assert.Equal(DecisionReason.Deadline, (await enough).Reason);
        Assert.Equal(BreakerState.Open, guarded.State);
    }

    [Fact]
    public async Task ErrorWithinLittleTime_IsAFailureOfTheAuthorizer()
    {
        _authorizer.FailsAlways();
        var guarded = Guard(maxFailures: 1);

        Assert.Equal(DecisionReason.AuthorizerError, (await DecideAsync(guarded, LittleTime)).Reason);

        Assert.Equal(BreakerState.Open, guarded.State);
    }

    [Fact]
    public async Task ProbeWithLittleTime_DoesNotReopenTheBreakerBySilence_AndClosesItByAnAnswer()
    {
        _authorizer.FailsAlways();
        var guarded = Guard(maxFailures: 1);
        await DecideAsync(guarded, Limit);
        ((TestScheduler)Sys.Scheduler).Advance(Queries.Reset);
        await Eventually.HoldsAsync(() => guarded.State == BreakerState.HalfOpen, "the breaker lets a probe through");

        _authorizer.HangsAlways();
        var silent = DecideAsync(guarded, LittleTime);
        _time.Advance(LittleTime);
        Assert.Equal(DecisionReason.Deadline, (await silent).Reason);
        Assert.Equal(BreakerState.HalfOpen, guarded.State);

        _authorizer.AnswersLaterAlways(AuthorizerAnswer.AllowedByList);
        Assert.Equal(AuthorizationStatus.Allowed, (await DecideAsync(guarded, LittleTime)).Status);
        Assert.Equal(BreakerState.Closed, guarded.State);
    }

    [Fact]
    public async Task PartnerThatIsSetUpWrongly_IsNoFailureForTheBreaker()
    {
        _authorizer.Always(
            (_, _) => ValueTask.FromResult(AuthorizerAnswer.Misconfigured("the credentials are refused"))
        );
        var guarded = Guard(maxFailures: 1);

        for (var i = 0; i < 3; i++)
            Assert.Equal(DecisionReason.AuthorizerError, (await DecideAsync(guarded, Limit)).Reason);

        Assert.Equal(BreakerState.Closed, guarded.State);
        Assert.Equal(3, _authorizer.Calls);
    }

    [Fact]
    public async Task Details_ReachTheDecision_WithinTheirBounds()
    {
        var details = new AuthorizationDetails
        {
            AuthorizationReference = new string('r', 100),
            Text = "first\nsecond\u202E" + new string('x', 600),
            Party = "NL-TNM",
        };
        _authorizer.Always((_, _) => ValueTask.FromResult(AuthorizerAnswer.Allow().With(details)));

        var decision = await DecideAsync(Guard(), Limit);

        Assert.Equal(
            new AuthorizationDetails
            {
                AuthorizationReference = new string('r', 64),
                Text = "firstsecond" + new string('x', 501),
                Party = "NL-TNM",
            },
            decision.Details
        );
    }

    private async Task<Decision> DecideAsync(GuardedAuthorizer guarded, TimeSpan within)
    {
        var deadline = _time.After(_time.GetTimestamp(), within);
        return (await guarded.DecideAsync(Queries.Some(), deadline, startBy: long.MaxValue, CancellationToken.None))!;
    }

    private Task<Decision?> StartByAsync(GuardedAuthorizer guarded, TimeSpan within) =>
        guarded.DecideAsync(
            Queries.Some(),
            deadline: long.MaxValue,
            _time.After(_time.GetTimestamp(), within),
            CancellationToken.None
        );

    private GuardedAuthorizer Guard(
        bool breaker = true,
        int maxFailures = 5,
        TimeSpan? timeout = null,
        int? parallelism = null
    ) =>
        new(
            _authorizer,
            Queries.Settings(breaker: breaker, maxFailures: maxFailures, timeout: timeout, answerWithin: Limit),
            Sys.Scheduler,
            _time,
            parallelism: parallelism
        );
}
