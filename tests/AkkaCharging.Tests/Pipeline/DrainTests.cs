using AkkaCharging.Authorization;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Pipeline;

/// <summary>What becomes of pending requests when the service stops.</summary>
[Trait("Category", "Component")]
public sealed class DrainTests : ChargingServiceTest
{
    [Fact]
    public async Task Drain_FinishesWhatIsPending()
    {
        var service = Start();
        var gate = new TaskCompletionSource();
        Authorizer.Always(
            async (_, _) =>
            {
                await gate.Task;
                return AuthorizerAnswer.AllowedByList;
            }
        );
        var ids = await SubmitAsync(service, 100);

        var draining = DrainAsync(service, Grace);
        Assert.Equal(IntakeOutcome.ShuttingDown, (await service.Intake.SubmitAsync(Sample.Submission())).Outcome);
        gate.SetResult();

        Assert.Equal(0, await draining.WaitAsync(Patience));
        Assert.Equal(LaneState.Stopped, service.Status.Worst);
        await AssertDecidedAndSettledOnceAsync(ids);
    }

    [Fact]
    public async Task HangingAuthorizer_IsCancelledAtTheEndOfTheGrace_AndItsRequestsAreLeft()
    {
        var service = Start();
        var done = await SubmitAsync(service, 2);
        await SettledAsync(2);
        Authorizer.HangsAlways();
        var left = await SubmitAsync(service, 3);
        await Eventually.HoldsAsync(() => Authorizer.Calls == 5, "every call hangs");

        Assert.Equal(3, await DrainAsync(service, TimeSpan.FromMilliseconds(300)).WaitAsync(Patience));

        await Eventually.HoldsAsync(() => Authorizer.Cancelled >= 3, "the calls are cancelled");
        await AssertSettledOnceAsync(done);
        foreach (var id in left)
            Assert.Equal(RequestState.Queued, (await Journal.FindAsync(id, default))!.State);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task HangingReceiver_IsLeftAtTheEndOfTheGrace_AlsoWhenItsClientIgnoresTheToken(bool heedsToken)
    {
        Callbacks.Answer = (_, _, stopping) =>
            ScriptedCallbackClient.HangAsync(heedsToken ? stopping : CancellationToken.None);
        var service = Start();
        var ids = await SubmitAsync(service, 3);
        await Eventually.HoldsAsync(() => Observer.DecidedEvents.Count == 3, "every request is decided");

        Assert.Equal(3, await DrainAsync(service, TimeSpan.FromMilliseconds(300)).WaitAsync(Patience));

        Assert.Empty(Observer.SettledEvents);
        foreach (var id in ids)
            Assert.Equal(RequestState.Decided, (await Journal.FindAsync(id, default))!.State);
    }

    [Fact]
    public async Task RetriesThatWait_AreLeftAtTheEndOfTheGrace()
    {
        Callbacks.Answer = (_, _, _) =>
            Task.FromResult(ScriptedCallbackClient.Busy(retryAfter: TimeSpan.FromMinutes(1)));
        var service = Start();
        var ids = await SubmitAsync(service, 3);
        await Eventually.HoldsAsync(() => Observer.AttemptedEvents.Count == 3, "the first attempts failed");

        Assert.Equal(3, await DrainAsync(service, TimeSpan.FromMilliseconds(300)).WaitAsync(Patience));

        foreach (var id in ids)
            Assert.Equal(
                (RequestState.Decided, 1),
                ((await Journal.FindAsync(id, default))!.State, (await Journal.FindAsync(id, default))!.Attempts.Count)
            );
    }

    /// <summary>The next process has them from the journal.</summary>
    [Fact]
    public async Task RetriesThatWait_AreLeftAtOnce_WhenTheJournalKeepsThem()
    {
        Callbacks.Answer = (_, _, _) =>
            Task.FromResult(ScriptedCallbackClient.Busy(retryAfter: TimeSpan.FromMinutes(1)));
        var service = Start(settings => OnJournal(settings, JournalKind.Sqlite));
        await SubmitAsync(service, 3);
        await Eventually.HoldsAsync(() => Observer.AttemptedEvents.Count == 3, "the first attempts failed");

        Assert.Equal(3, await DrainAsync(service, Grace).WaitAsync(Patience));
    }

    [Fact]
    public async Task RetriesThatWait_HaveTheWholeGrace_WhenTheyWouldBeLost()
    {
        var isBack = false;
        Callbacks.Answer = (_, _, _) =>
            Task.FromResult(Volatile.Read(ref isBack) ? ScriptedCallbackClient.Ok() : ScriptedCallbackClient.Busy());
        var service = Start(settings =>
            OnJournal(settings, JournalKind.Memory) with
            {
                Callback = settings.Callback with
                {
                    RetryDelay = TimeSpan.FromSeconds(100), // 100 ms on the scheduler of these tests
                    MaxRetryDelay = TimeSpan.FromSeconds(100),
                    MaxRetries = 1_000,
                },
            }
        );
        await SubmitAsync(service, 3);
        await Eventually.HoldsAsync(() => Observer.AttemptedEvents.Count >= 3, "the first attempts failed");

        var draining = DrainAsync(service, Grace);
        Volatile.Write(ref isBack, true);

        Assert.Equal(0, await draining.WaitAsync(Patience));
    }

    [Fact]
    public async Task WhatTheJournalHasNotReadYet_CountsAsLeft()
    {
        var service = Start();
        Journal.Backlog = 3;

        Assert.Equal(3, await DrainAsync(service, Grace).WaitAsync(Patience));
    }

    [Fact]
    public async Task DrainWhileTheGraphIsDead_RunsItOnceMore()
    {
        var armed = 1;
        Observer.OnDecided = _ => ThrowWhile(() => Interlocked.Exchange(ref armed, 0) == 1);
        var service = Start();
        var ids = await SubmitAsync(service, 10);
        await Eventually.HoldsAsync(() => service.Status.Restarts == 1, "the graph died");

        Assert.Equal(0, await DrainAsync(service, Grace).WaitAsync(Patience));

        await AssertDecidedAndSettledOnceAsync(ids);
    }

    [Fact]
    public async Task GraphThatDiesDuringTheDrain_IsRunAgainWithinTheGrace()
    {
        var gate = new TaskCompletionSource();
        Authorizer.Always(
            async (_, _) =>
            {
                await gate.Task;
                return AuthorizerAnswer.AllowedByList;
            }
        );
        var armed = 1;
        Observer.OnDecided = _ => ThrowWhile(() => Interlocked.Exchange(ref armed, 0) == 1);
        var service = Start();
        var ids = await SubmitAsync(service, 10);
        await Eventually.HoldsAsync(() => Authorizer.Calls == 10, "every request is asked about");

        var draining = DrainAsync(service, Grace);
        gate.SetResult();

        Assert.Equal(0, await draining.WaitAsync(Patience));
        Assert.Equal(1, service.Status.Restarts);
        await AssertSettledOnceAsync(ids);
    }

    [Fact]
    public async Task GraphThatDiesForEverDuringTheDrain_IsLeftAtTheEndOfTheGrace()
    {
        Callbacks.Answer = (_, _, _) => throw new InvalidOperationException("planted defect");
        var service = Start();
        await SubmitAsync(service, 2);

        Assert.Equal(2, await DrainAsync(service, TimeSpan.FromSeconds(3)).WaitAsync(Patience));

        Assert.Equal(LaneState.Stopped, service.Status.Worst);
    }

    [Fact]
    public async Task CloseOfAnIdleIntake_IsCompleteAtOnce_AlsoTheSecondTime()
    {
        var service = Start();

        Assert.True(service.Intake.CloseAsync().IsCompletedSuccessfully);
        await service.Intake.CloseAsync();
        Assert.Equal(IntakeOutcome.ShuttingDown, (await service.Intake.SubmitAsync(Sample.Submission())).Outcome);
    }

    private static ChargingSettings OnJournal(ChargingSettings settings, JournalKind kind) =>
        settings with
        {
            Journal = settings.Journal with { Kind = kind },
        };
}
