using System.Collections.Concurrent;
using Akka.TestKit;
using AkkaCharging.Authorization;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Authorization;

[Trait("Category", "Component")]
public sealed class GuardedAuthorizerTests()
    : Akka.TestKit.Xunit2.TestKit("akka.scheduler.implementation = \"Akka.TestKit.TestScheduler, Akka.TestKit\"")
{
    private readonly ScriptedAuthorizer _authorizer = new();
    private readonly FakeTimeProvider _time = new(Queries.Now);
    private readonly ConcurrentQueue<BreakerState> _transitions = new();
    private readonly ConcurrentQueue<Exception> _errors = new();

    [Fact]
    public async Task Answer_BecomesADecision_WhetherOrNotItHadToBeWaitedFor()
    {
        var guarded = Guard();

        Assert.Equal(
            new Decision(AuthorizationStatus.Allowed, DecisionReason.InAcl, Queries.Now),
            await DecideAsync(guarded)
        );
        _authorizer.AnswersLaterAlways(AuthorizerAnswer.Deny(DenialReason.Blocked));
        Assert.Equal(
            new Decision(AuthorizationStatus.NotAllowed, DecisionReason.Blocked, Queries.Now),
            await DecideAsync(guarded)
        );
        Assert.Equal(2, _authorizer.Calls);
    }

    [Fact]
    public void NoAuthorizer_IsRefusedAtOnce() =>
        Assert.Throws<ArgumentNullException>(() =>
            new GuardedAuthorizer(null!, Queries.Settings(), Sys.Scheduler, _time)
        );

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task LateAnswer_IsCancelled(bool breaker)
    {
        _authorizer.HangsAlways();
        var decision = DecideAsync(Guard(Queries.Settings(breaker: breaker)));

        _time.Advance(TimeSpan.FromSeconds(30) - TimeSpan.FromMilliseconds(1));
        Assert.False(decision.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(
            new Decision(AuthorizationStatus.Unknown, DecisionReason.Timeout, Queries.Now.AddSeconds(30)),
            await decision
        );
        await Eventually.HoldsAsync(() => _authorizer.Cancelled == 1, "the call is cancelled");
        Assert.Empty(_errors);
    }

    [Fact]
    public async Task LateAnswerOfAnAuthorizerThatIgnoresItsToken_IsDiscarded()
    {
        var answer = new TaskCompletionSource<AuthorizerAnswer>();
        _authorizer.Always((_, _) => new ValueTask<AuthorizerAnswer>(answer.Task));
        var guarded = Guard(Queries.Settings(maxFailures: 1));
        var decision = DecideAsync(guarded);

        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(DecisionReason.Timeout, (await decision).Reason);
        answer.SetResult(AuthorizerAnswer.AllowedByList);

        Assert.Equal(BreakerState.Open, guarded.State);
        Assert.Equal(DecisionReason.Timeout, (await decision).Reason);
    }

    public static TheoryData<Exception> Errors() =>
        new(
            new InvalidOperationException("defect"),
            new OperationCanceledException(),
            new TimeoutException(),
            new AuthorizerUnavailableException("down", isTransient: false)
        );

    [Theory]
    [MemberData(nameof(Errors))]
    public async Task ThrowingAuthorizer_IsAnAuthorizerError_WithoutRetry(Exception error)
    {
        var guarded = Guard(Queries.Settings(maxRetries: 3));

        _authorizer.FailsAlways(error);
        Assert.Equal(DecisionReason.AuthorizerError, (await DecideAsync(guarded)).Reason);
        _authorizer.Always((_, _) => throw error);
        Assert.Equal(
            new Decision(AuthorizationStatus.Unknown, DecisionReason.AuthorizerError, Queries.Now),
            await DecideAsync(guarded)
        );

        Assert.Equal(2, _authorizer.Calls);
        Assert.Equal([error, error], _errors);
    }

    [Fact]
    public async Task TransientError_IsRetriedUntilAnswered()
    {
        _authorizer.FailsNext(ScriptedAuthorizer.Transient()).FailsNext(ScriptedAuthorizer.Transient());

        var decision = await PassTimeAsync(
            DecideAsync(Guard(Queries.Settings(maxRetries: 3, timeout: TimeSpan.FromDays(1))))
        );

        Assert.Equal(AuthorizationStatus.Allowed, decision.Status);
        Assert.Equal(3, _authorizer.Calls);
        Assert.InRange(decision.DecidedAt, Queries.Now.AddMilliseconds(50), Queries.Now.AddDays(1));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task TransientErrorThatLasts_UsesUpItsRetries_AndIsOneFailure(bool breaker)
    {
        _authorizer.FailsAlways(ScriptedAuthorizer.Transient());
        var guarded = Guard(
            Queries.Settings(maxRetries: 3, maxFailures: 2, timeout: TimeSpan.FromDays(1), breaker: breaker)
        );

        var decision = await PassTimeAsync(DecideAsync(guarded));

        Assert.Equal(DecisionReason.AuthorizerError, decision.Reason);
        Assert.Equal(4, _authorizer.Calls);
        Assert.Equal(4, _errors.Count);
        Assert.Equal(BreakerState.Closed, guarded.State);
    }

    [Fact]
    public async Task Retries_EndWithTheTimeout()
    {
        _authorizer.FailsAlways(ScriptedAuthorizer.Transient());

        var decision = await PassTimeAsync(
            DecideAsync(Guard(Queries.Settings(maxRetries: 1_000_000, timeout: TimeSpan.FromSeconds(5))))
        );

        Assert.Equal(DecisionReason.Timeout, decision.Reason);
    }

    [Fact]
    public async Task FiveFailures_OpenTheBreaker_AndNobodyAsksAnyMore()
    {
        _authorizer.FailsAlways();
        var guarded = Guard();

        for (var i = 1; i <= 5; i++)
        {
            Assert.Equal(BreakerState.Closed, guarded.State);
            Assert.Equal(DecisionReason.AuthorizerError, (await DecideAsync(guarded)).Reason);
        }

        Assert.Equal(BreakerState.Open, guarded.State);
        Assert.Equal(
            new Decision(AuthorizationStatus.Unknown, DecisionReason.CircuitOpen, Queries.Now),
            await DecideAsync(guarded)
        );
        Assert.Equal(5, _authorizer.Calls);
        await TransitionsAsync(BreakerState.Open);
    }

    [Fact]
    public async Task AfterTheReset_OneProbeWithoutRetriesDecides()
    {
        _authorizer.FailsAlways(ScriptedAuthorizer.Transient());
        var guarded = Guard(Queries.Settings(maxRetries: 3, maxFailures: 1, timeout: TimeSpan.FromDays(1)));
        await PassTimeAsync(DecideAsync(guarded));
        await TransitionsAsync(BreakerState.Open);
        Assert.Equal(4, _authorizer.Calls);

        await ResetAsync(guarded);
        await TransitionsAsync(BreakerState.Open, BreakerState.HalfOpen);
        Assert.Equal(DecisionReason.AuthorizerError, (await DecideAsync(guarded)).Reason);
        Assert.Equal(DecisionReason.CircuitOpen, (await DecideAsync(guarded)).Reason);
        Assert.Equal(5, _authorizer.Calls);
        await TransitionsAsync(BreakerState.Open, BreakerState.HalfOpen, BreakerState.Open);

        await ResetAsync(guarded);
        await TransitionsAsync(BreakerState.Open, BreakerState.HalfOpen, BreakerState.Open, BreakerState.HalfOpen);
        _authorizer.AnswersAlways(AuthorizerAnswer.Deny(DenialReason.UnknownToken));
        Assert.Equal(AuthorizationStatus.NotAllowed, (await DecideAsync(guarded)).Status);
        await TransitionsAsync(
            BreakerState.Open,
            BreakerState.HalfOpen,
            BreakerState.Open,
            BreakerState.HalfOpen,
            BreakerState.Closed
        );
        Assert.Equal(BreakerState.Closed, guarded.State);
        Assert.Equal(6, _authorizer.Calls);
    }

    [Fact]
    public async Task SecondCallerWhileAProbeIsOut_IsAnsweredCircuitOpen()
    {
        _authorizer.FailsAlways();
        var guarded = Guard(Queries.Settings(maxFailures: 1));
        await DecideAsync(guarded);
        await ResetAsync(guarded);
        var answer = new TaskCompletionSource<AuthorizerAnswer>();
        _authorizer.Always((_, _) => new ValueTask<AuthorizerAnswer>(answer.Task));

        var probe = DecideAsync(guarded);
        Assert.Equal(DecisionReason.CircuitOpen, (await DecideAsync(guarded)).Reason);
        Assert.Equal(2, _authorizer.Calls);
        answer.SetResult(AuthorizerAnswer.AllowedByList);

        Assert.Equal(AuthorizationStatus.Allowed, (await probe).Status);
        Assert.Equal(BreakerState.Closed, guarded.State);
    }

    [Fact]
    public async Task BreakerThatOpensWhileACallStarts_AnswersCircuitOpenAndCancelsIt()
    {
        var guarded = Guard(Queries.Settings(maxFailures: 1));
        _authorizer
            .Always((_, _) => throw new InvalidOperationException())
            .Next(
                async (query, cancellationToken) =>
                {
                    var inner = guarded.DecideAsync(query, long.MaxValue, long.MaxValue, CancellationToken.None);
                    Assert.True(inner.IsCompleted);
                    await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
                    return default;
                }
            );

        Assert.Equal(DecisionReason.CircuitOpen, (await DecideAsync(guarded)).Reason);
        await Eventually.HoldsAsync(() => _authorizer.Cancelled == 1, "the call is cancelled");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task No_IsNotAFailure_AndEndsARowOfThem(bool atOnce)
    {
        var guarded = Guard();
        for (var i = 0; i < 3; i++)
        {
            _authorizer.FailsAlways();
            for (var failure = 0; failure < 4; failure++)
                await DecideAsync(guarded);
            _ = atOnce
                ? _authorizer.AnswersAlways(AuthorizerAnswer.Deny(DenialReason.UnknownToken))
                : _authorizer.AnswersLaterAlways(AuthorizerAnswer.Deny(DenialReason.UnknownToken));
            Assert.Equal(AuthorizationStatus.NotAllowed, (await DecideAsync(guarded)).Status);
        }

        Assert.Equal(BreakerState.Closed, guarded.State);
        Assert.Empty(_transitions);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Shutdown_IsThrown_CancelsTheCall_AndIsNotAFailure(bool breaker)
    {
        _authorizer.HangsAlways();
        var guarded = Guard(Queries.Settings(breaker: breaker, maxFailures: 1));
        using var shutdown = new CancellationTokenSource();
        var decision = guarded.DecideAsync(Queries.Some(), long.MaxValue, long.MaxValue, shutdown.Token);

        await shutdown.CancelAsync();

        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => decision);
        Assert.Equal(shutdown.Token, error.CancellationToken);
        await Eventually.HoldsAsync(() => _authorizer.Cancelled == 1, "the call is cancelled");
        Assert.Equal(BreakerState.Closed, guarded.State);
        Assert.Empty(_errors);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            guarded.DecideAsync(Queries.Some(), long.MaxValue, long.MaxValue, shutdown.Token)
        );
        Assert.Equal(1, _authorizer.Calls);
    }

    [Fact]
    public async Task CallThatItsCallerGaveUp_NeitherIsAFailure_NorEndsARowOfThem()
    {
        _authorizer.FailsAlways();
        var guarded = Guard(Queries.Settings(maxFailures: 2));

        await DecideAsync(guarded);
        await GiveUpAsync(guarded);
        Assert.Equal(BreakerState.Closed, guarded.State);
        await DecideAsync(guarded);

        Assert.Equal(BreakerState.Open, guarded.State);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ProbeThatItsCallerGaveUp_LeavesTheVerdictToTheNextCall(bool answers)
    {
        _authorizer.FailsAlways();
        var guarded = Guard(Queries.Settings(maxFailures: 1));
        await DecideAsync(guarded);
        await ResetAsync(guarded);

        await GiveUpAsync(guarded);
        Assert.Equal(BreakerState.HalfOpen, guarded.State);
        if (answers)
            _authorizer.AnswersLaterAlways(AuthorizerAnswer.AllowedByList);
        await DecideAsync(guarded);

        Assert.Equal(answers ? BreakerState.Closed : BreakerState.Open, guarded.State);
        Assert.Equal(3, _authorizer.Calls);
    }

    /// <summary>A call may outlast the time that the breaker is open.</summary>
    [Fact]
    public async Task CallFromBeforeTheBreakerOpened_DoesNotJudgeTheHalfOpenOne()
    {
        var answer = new TaskCompletionSource<AuthorizerAnswer>();
        _authorizer.FailsAlways().Next((_, _) => new ValueTask<AuthorizerAnswer>(answer.Task));
        var guarded = Guard(Queries.Settings(maxFailures: 1));
        var old = DecideAsync(guarded);
        await DecideAsync(guarded);
        await ResetAsync(guarded);

        answer.SetResult(AuthorizerAnswer.NoAnswer("scripted"));

        Assert.Equal(DecisionReason.AuthorizerError, (await old).Reason);
        Assert.Equal(BreakerState.HalfOpen, guarded.State);
    }

    [Fact]
    public async Task BreakerSwitchedOff_AsksEveryTime()
    {
        _authorizer.FailsAlways();
        var guarded = Guard(Queries.Settings(breaker: false));

        for (var i = 0; i < 20; i++)
            Assert.Equal(DecisionReason.AuthorizerError, (await DecideAsync(guarded)).Reason);

        Assert.Equal(20, _authorizer.Calls);
        Assert.Equal(BreakerState.Closed, guarded.State);
    }

    [Fact]
    public async Task BackoffFactor_StretchesTheReset()
    {
        _authorizer.FailsAlways();
        var guarded = Guard(Queries.Settings(maxFailures: 1, backoffFactor: 2));
        await DecideAsync(guarded);
        await ResetAsync(guarded);
        await DecideAsync(guarded);

        Advance(Queries.Reset);
        Assert.Equal(BreakerState.Open, guarded.State);
        await ResetAsync(guarded);

        Assert.Equal(2, _authorizer.Calls);
    }

    private GuardedAuthorizer Guard(AuthorizationSettings? settings = null) =>
        new(
            _authorizer,
            settings ?? Queries.Settings(),
            Sys.Scheduler,
            _time,
            _transitions.Enqueue,
            (_, error) => _errors.Enqueue(error)
        );

    private static async Task<Decision> DecideAsync(GuardedAuthorizer guarded) =>
        (await guarded.DecideAsync(Queries.Some(), long.MaxValue, long.MaxValue, CancellationToken.None))!;

    /// <summary>Asks, gets no answer, and stops waiting for it.</summary>
    private async Task GiveUpAsync(GuardedAuthorizer guarded)
    {
        _authorizer.Next(
            async (_, cancellationToken) =>
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
                return default;
            }
        );
        using var caller = new CancellationTokenSource();
        var decision = guarded.DecideAsync(Queries.Some(), long.MaxValue, long.MaxValue, caller.Token);
        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => decision);
    }

    /// <summary>Lets waits on the fake clock end, however many follow each other.</summary>
    private async Task<Decision> PassTimeAsync(Task<Decision> decision)
    {
        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(100));
                return decision.IsCompleted;
            },
            "a decision"
        );
        return await decision;
    }

    private async Task ResetAsync(GuardedAuthorizer guarded)
    {
        Advance(Queries.Reset);
        await Eventually.HoldsAsync(() => guarded.State == BreakerState.HalfOpen, "the breaker lets a probe through");
    }

    private void Advance(TimeSpan time) => ((TestScheduler)Sys.Scheduler).Advance(time);

    private Task TransitionsAsync(params BreakerState[] expected) =>
        Eventually.HoldsAsync(() => _transitions.SequenceEqual(expected), string.Join(", ", expected));
}
