using Akka.Streams.Dsl;
using AkkaCharging.Callbacks;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Receivers;

namespace AkkaCharging.Tests.Pipeline.Stages;

/// <summary>Deliveries: how many attempts each has, and how it ends.</summary>
[Trait("Category", "Component")]
public sealed class CallbackStageTests : CallbackStageTest
{
    [Fact]
    public async Task Success_SettlesDelivered_AfterOneAttempt()
    {
        var pending = await DecidedAsync();

        var receipt = Assert.Single(await DeliverAsync(Defaults, pending));

        Assert.Same(pending, receipt.Pending);
        Assert.Equal(
            (RequestState.Delivered, CallbackOutcome.Success),
            (receipt.Settlement!.State, receipt.Settlement.LastAttempt!.Outcome)
        );
        await AssertJournalAsync(pending, RequestState.Delivered, attempts: 1);
        Assert.Single(Observer.AttemptedEvents);
    }

    /// <summary>The clock may have been set back since the decision, which was 2 s after the acceptance.</summary>
    [Theory]
    [InlineData(1, 2)]
    [InlineData(5, 5)]
    public async Task Settlement_IsAtTheCurrentTime_ButNotBeforeTheDecision(int seconds, int at)
    {
        var pending = await DecidedAsync();
        pending.Decision = Sample.Decision(Sample.Now.AddSeconds(2));
        Time.Step = TimeSpan.FromSeconds(seconds);

        var receipt = Assert.Single(await DeliverAsync(Defaults, pending));

        Assert.Equal(Sample.Now.AddSeconds(at), receipt.Settlement!.At);
    }

    [Fact]
    public async Task RetryThatWaitsForItsReceiver_TakesTurnsWithFirstAttempts()
    {
        var settings = Defaults with { MaxInFlightPerDestination = 1 };
        Receivers(settings);
        var pending = new List<PendingRequest>();
        for (var i = 0; i < 5; i++)
            pending.Add(await DecidedAsync());
        var (failing, hanging) = (pending[0], pending[1]);
        var answer = new TaskCompletionSource<AttemptResult>();
        Client.Answer = (request, attempt, _) =>
            request == hanging.Request ? answer.Task
            : request == failing.Request && attempt == 1 ? Task.FromResult(ScriptedCallbackClient.Busy())
            : Task.FromResult(ScriptedCallbackClient.Ok());
        var delivering = DeliverAsync(settings, [.. pending]);
        await Eventually.HoldsAsync(() => Receivers(settings).Status(1)[0].Waiting == 4, "three and the retry wait");
        Assert.Equal([failing.Request.Id, hanging.Request.Id], Client.Attempts);

        answer.SetResult(ScriptedCallbackClient.Ok());

        await delivering;
        Assert.Equal(((int[])[0, 1, 0, 2, 3, 4]).Select(index => pending[index].Request.Id), Client.Attempts);
    }

    [Fact]
    public async Task SuccessAfterTwoFailures_KeepsEachAttempt()
    {
        Client.Answer = (_, attempt, _) =>
            Task.FromResult(attempt < 3 ? ScriptedCallbackClient.Busy() : ScriptedCallbackClient.Ok());
        var pending = await DecidedAsync();

        var receipt = Assert.Single(await DeliverAsync(Defaults, pending));

        Assert.Equal(RequestState.Delivered, receipt.Settlement!.State);
        await AssertJournalAsync(pending, RequestState.Delivered, attempts: 3);
        Assert.Equal(
            [CallbackOutcome.HttpError, CallbackOutcome.HttpError, CallbackOutcome.Success],
            (await Journal.FindAsync(pending.Request.Id, default))!.Attempts.Select(attempt => attempt.Outcome)
        );
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public async Task FailureThatLasts_SettlesFailed_AfterTheRetries(int maxRetries)
    {
        Client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy());
        var pending = await DecidedAsync();

        var receipt = Assert.Single(await DeliverAsync(Defaults with { MaxRetries = maxRetries }, pending));

        Assert.Equal(
            (RequestState.Failed, 503),
            (receipt.Settlement!.State, receipt.Settlement.LastAttempt!.HttpStatus)
        );
        Assert.Equal(maxRetries + 1, Client.AttemptsOf(pending));
        await AssertJournalAsync(pending, RequestState.Failed, attempts: maxRetries + 1);
        Assert.Equal(Enumerable.Range(0, maxRetries).Select(retry => 20.0 * (1 << retry)), Waits());
    }

    [Fact]
    public async Task PermanentFailure_IsNotRetried()
    {
        Client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Gone());
        var pending = await DecidedAsync();

        var receipt = Assert.Single(await WithTimeAsync(DeliverAsync(Defaults, pending)));

        Assert.Equal(RequestState.Failed, receipt.Settlement!.State);
        Assert.Equal(1, Client.AttemptsOf(pending));
        await AssertJournalAsync(pending, RequestState.Failed, attempts: 1);
    }

    [Fact]
    public async Task PermanentFailureOfARetry_EndsTheRetries()
    {
        Client.Answer = (_, attempt, _) =>
            Task.FromResult(attempt < 2 ? ScriptedCallbackClient.Busy() : ScriptedCallbackClient.Gone());
        var pending = await DecidedAsync();

        await DeliverAsync(Defaults, pending);

        Assert.Equal(2, Client.AttemptsOf(pending));
        await AssertJournalAsync(pending, RequestState.Failed, attempts: 2);
    }

    [Fact]
    public async Task RequestThatExpiresBetweenRetries_SettlesExpired_WithoutAnotherAttempt()
    {
        Client.Answer = (_, _, _) =>
        {
            Time.Advance(TimeSpan.FromSeconds(30));
            return Task.FromResult(ScriptedCallbackClient.Busy());
        };
        var pending = await DecidedAsync(age: TimeSpan.FromSeconds(60));

        var receipt = Assert.Single(await DeliverAsync(Defaults, pending));

        Assert.Equal((RequestState.Expired, null), (receipt.Settlement!.State, receipt.Settlement.LastAttempt));
        Assert.Equal(2, Client.AttemptsOf(pending));
        await AssertJournalAsync(pending, RequestState.Expired, attempts: 2);
    }

    [Fact]
    public async Task RequestThatExpiresBeforeItsRetryAfter_SettlesExpiredThen()
    {
        Client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy(TimeSpan.FromMinutes(50)));
        var pending = await DecidedAsync(age: TimeSpan.FromSeconds(60));
        var delivering = DeliverAsync(Defaults, pending);
        await WaitingAsync(pending);

        Time.Advance(TimeSpan.FromSeconds(60));

        Assert.Equal(RequestState.Expired, Assert.Single(await delivering).Settlement!.State);
        Assert.Equal(1, Client.AttemptsOf(pending));
    }

    /// <summary>The receiver asked for a pause that the request does not live to see the end of.</summary>
    [Fact]
    public async Task RequestThatExpiresBeforeItsRetryAfter_IsNotCalledBackAgain_ThoughTimersAreEarly()
    {
        Time.EarlyBy = TimeSpan.FromMilliseconds(1);
        Client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy(TimeSpan.FromMinutes(50)));
        var pending = await DecidedAsync(age: TimeSpan.FromSeconds(60));
        var delivering = DeliverAsync(Defaults, pending);
        await WaitingAsync(pending);
        var timers = Time.Timers;

        Time.Advance(TimeSpan.FromSeconds(60) - Time.EarlyBy);
        await Eventually.HoldsAsync(
            () => Time.Timers > timers || Client.AttemptsOf(pending) > 1,
            "the timer came due too early"
        );
        Time.Advance(Time.EarlyBy);

        Assert.Equal(RequestState.Expired, Assert.Single(await delivering).Settlement!.State);
        Assert.Equal(1, Client.AttemptsOf(pending));
    }

    [Fact]
    public async Task ExpiredRequest_IsNotCalledBack_DecidedOrNot()
    {
        var (decided, undecided) = (
            await DecidedAsync(age: TimeSpan.FromSeconds(1)),
            Sample.Pending(age: TimeSpan.FromSeconds(1))
        );
        await Journal.AcceptAsync(undecided.Request, idempotency: null, default);
        Time.Advance(TimeSpan.FromSeconds(1));

        var receipts = await DeliverAsync(Defaults, decided, undecided);

        Assert.All(receipts, receipt => Assert.Equal(RequestState.Expired, receipt.Settlement!.State));
        Assert.Equal(2, receipts.Count);
        Assert.Empty(Client.Attempts);
    }

    /// <summary>
    /// RestartFlow forgets its count when an attempt outlasts the first wait, unless it is configured not to: it would
    /// then retry forever.
    /// </summary>
    [Fact]
    public async Task AttemptsLongerThanTheFirstWait_EndAllTheSame()
    {
        Client.Answer = async (_, _, stopping) =>
        {
            await Task.Delay(TimeSpan.FromMilliseconds(60), stopping);
            return ScriptedCallbackClient.Busy();
        };
        var pending = await DecidedAsync();

        await DeliverAsync(Defaults with { RetryDelay = TimeSpan.FromMilliseconds(10) }, pending);

        Assert.Equal(4, Client.AttemptsOf(pending));
        await AssertJournalAsync(pending, RequestState.Failed, attempts: 4);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task DeliverySettledByARetry_IsNotFollowedByAnotherCallback(bool succeeds)
    {
        Client.Answer = async (_, attempt, _) =>
        {
            await Task.Yield();
            return attempt < 3 ? ScriptedCallbackClient.Busy()
                : succeeds ? ScriptedCallbackClient.Ok()
                : ScriptedCallbackClient.Gone();
        };
        var pending = new List<PendingRequest>();
        for (var i = 0; i < 50; i++)
            pending.Add(await DecidedAsync());

        await DeliverAsync(Defaults, [.. pending]);

        Assert.All(pending, delivered => Assert.Equal(3, Client.AttemptsOf(delivered)));
    }

    [Fact]
    public async Task JournalThatIsAway_IsWaitedFor_AndTheCallbackIsNotRepeated()
    {
        var pending = await DecidedAsync();
        Journal.IsAway = true;
        var delivering = DeliverAsync(Defaults, pending);
        await Eventually.HoldsAsync(() => Journal.Refused == 1, "the journal refused the settlement");
        Assert.False(delivering.IsCompleted);

        Journal.IsAway = false;
        await Eventually.HoldsAsync(
            () =>
            {
                Time.Advance(TimeSpan.FromSeconds(1));
                return delivering.IsCompleted;
            },
            "the delivery is settled"
        );

        Assert.Equal(RequestState.Delivered, Assert.Single(await delivering).Settlement!.State);
        Assert.Equal(1, Client.AttemptsOf(pending));
    }

    [Theory]
    [InlineData(1, 3)]
    [InlineData(3, 1)]
    public async Task DeliveryThatFailedBeforeARestart_GoesOnWithItsRetries(int made, int left)
    {
        Client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy());
        var pending = await DecidedAsync();
        pending.AttemptsMade = made;

        await DeliverAsync(Defaults, pending);

        Assert.Equal(left, Client.AttemptsOf(pending));
        Assert.Equal(Enumerable.Range(made - 1, left).Select(retry => 20.0 * (1 << retry)), Waits());
    }

    /// <summary>They would hold tasks of the retry lane for a wait each.</summary>
    [Fact]
    public async Task RequestsThatExpireBeforeTheyHaveAPlaceForTheirRetry_SettleExpired_WithoutAWait()
    {
        var settings = Defaults with { MaxConcurrentRetries = 2 };
        var receivers = Receivers(settings);
        var pending = new List<PendingRequest>();
        for (var i = 0; i < 6; i++)
            pending.Add(await DecidedAsync("http://127.0.0.1:1/hook", age: TimeSpan.FromSeconds(60)));
        var healthy = await DecidedAsync("http://127.0.0.1:2/hook");
        var place = TurnOf(pending[0], isRetry: true); // the only one for receivers that are not proven
        Assert.True(receivers.TakeRetryPlaceOrWait(pending[0].Receiver, place));
        var proof = TurnOf(healthy, isRetry: false);
        Assert.True(receivers.TakeAttemptOrWait(healthy.Receiver, proof));
        receivers.EndAttempt(healthy.Receiver, proof, Sample.Answered());
        pending.Add(healthy);
        pending.ForEach(failed => failed.AttemptsMade = 1);
        Time.Advance(TimeSpan.FromSeconds(60));

        var delivering = DeliverAsync(settings, [.. pending]);
        await Eventually.HoldsAsync(
            () =>
            {
                Time.Advance(TimeSpan.FromMilliseconds(100)); // what has expired is released that often
                return delivering.IsCompleted;
            },
            "all are settled"
        );

        var states = (await delivering).ToDictionary(receipt => receipt.Pending, receipt => receipt.Settlement!.State);
        Assert.All(pending.Take(6), expired => Assert.Equal(RequestState.Expired, states[expired]));
        Assert.Equal((RequestState.Delivered, 1), (states[healthy], Client.AttemptsOf(healthy)));
        Assert.Equal([20], Waits()); // of the healthy one

        TestTurn TurnOf(PendingRequest request, bool isRetry) =>
            new("", request.Receiver, this, long.MaxValue, isRetry, attempt: 1, [], []);
    }

    /// <summary>
    /// Before a restart there were more retries, or the failed attempt that was the last was not settled.
    /// </summary>
    [Fact]
    public async Task DeliveryWithNoRetryLeft_HasOneMoreAttempt_WheneverThatIs()
    {
        Client.Answer = (_, attempt, _) =>
            Task.FromResult(
                attempt switch
                {
                    1 => Lacking(),
                    _ => ScriptedCallbackClient.Busy(),
                }
            );
        var pending = await DecidedAsync();
        pending.AttemptsMade = Defaults.MaxRetries + 1;

        var receipt = Assert.Single(await WithTimeAsync(DeliverAsync(Defaults, pending)));

        Assert.Equal(RequestState.Failed, receipt.Settlement!.State);
        Assert.Equal(2, Client.AttemptsOf(pending));
    }

    [Fact]
    public async Task UndecidedRequest_IsADefect_AndFailsTheStage()
    {
        var failure = await Assert.ThrowsAnyAsync<Exception>(() => DeliverAsync(Defaults, Sample.Pending()));

        Assert.IsType<InvalidOperationException>(failure.GetBaseException());
    }
}
