using AkkaCharging.Callbacks;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Pipeline.Stages;

/// <summary>Attempts for which the receiver's name was not looked up, because too many others were.</summary>
[Trait("Category", "Component")]
public sealed class UnaskedNamesTests : CallbackStageTest
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public async Task NameThatIsNotLookedUp_UsesUpNoAttempt(int times)
    {
        Client.Answer = (_, attempt, _) =>
            Task.FromResult(attempt <= times ? NameFailed(AttemptCause.NameNotAsked) : ScriptedCallbackClient.Ok());
        var pending = await DecidedAsync();
        var delivering = DeliverAsync(Defaults with { MaxRetries = 0 }, pending);

        for (var attempts = 1; attempts <= times; attempts++)
        {
            await WaitsAfterAsync(pending, attempts);
            Time.Advance(Defaults.RetryDelay);
        }

        Assert.Equal(RequestState.Delivered, Assert.Single(await delivering).Settlement!.State);
        Assert.Equal((times + 1, 0), (Client.AttemptsOf(pending), pending.AttemptsMade));
        await AssertJournalAsync(pending, RequestState.Delivered, attempts: 1);
        Assert.Equal(times + 1, Observer.AttemptedEvents.Count); // operators see each of them
        Assert.Empty(Waits());
        AssertNothingIsHeld();
    }

    [Fact]
    public async Task NameThatIsNotLookedUp_LetsTheRequestAge()
    {
        Client.Answer = (_, _, _) => Task.FromResult(NameFailed(AttemptCause.NameNotAsked));
        var pending = await DecidedAsync(age: Defaults.RetryDelay * 1.5);
        var delivering = DeliverAsync(Defaults, pending);

        await WaitsAfterAsync(pending, attempts: 1);
        Time.Advance(Defaults.RetryDelay);
        await WaitsAfterAsync(pending, attempts: 2);
        Time.Advance(Defaults.RetryDelay / 2);

        Assert.Equal(RequestState.Expired, Assert.Single(await delivering).Settlement!.State);
        Assert.Equal(2, Client.AttemptsOf(pending));
        await AssertJournalAsync(pending, RequestState.Expired, attempts: 0);
        AssertNothingIsHeld();
    }

    /// <summary>The time of its end would tell callers that the name does not exist.</summary>
    [Fact]
    public async Task NameThatIsNotLookedUpAgain_UsesUpTheAttempt()
    {
        Client.Answer = (_, attempt, _) =>
            Task.FromResult(NameFailed(attempt == 1 ? AttemptCause.NameNotFound : AttemptCause.NameNotAsked));
        var pending = await DecidedAsync();

        var receipt = Assert.Single(await DeliverAsync(Defaults, pending));

        Assert.Equal(RequestState.Failed, receipt.Settlement!.State);
        await AssertJournalAsync(pending, RequestState.Failed, attempts: 4);
        Assert.Equal([20, 40, 80], Waits());
    }

    [Fact]
    public async Task NameThatIsNotLookedUp_IsLeftToTheJournal_WhenTheLaneStops()
    {
        Client.Answer = (_, _, _) => Task.FromResult(NameFailed(AttemptCause.NameNotAsked));
        var pending = await DecidedAsync();
        var delivering = DeliverAsync(Defaults, pending);
        await WaitsAfterAsync(pending, attempts: 1);

        await Leaving.CancelAsync();

        Assert.Null(Assert.Single(await delivering).Settlement);
        await AssertJournalAsync(pending, RequestState.Decided, attempts: 0);
        AssertNothingIsHeld();
    }

    private static AttemptResult NameFailed(AttemptCause cause)
    {
        var attempt = Sample.Attempt(CallbackOutcome.NetworkError) with { Cause = cause };
        return new(attempt, IsFinal: false, RetryAfter: null);
    }

    // Each wait has a timer of its own on the fake clock.
    private Task WaitsAfterAsync(PendingRequest pending, int attempts) =>
        Eventually.HoldsAsync(
            () => Client.AttemptsOf(pending) == attempts && Time.Timers == TimersOfReceivers + attempts,
            "the next attempt waits"
        );
}
