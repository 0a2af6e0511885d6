using AkkaCharging.Requests;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Pipeline.Stages;

/// <summary>Attempts that this process cannot make, for example because it has no file left.</summary>
[Trait("Category", "Component")]
public sealed class LackOfResourcesTests : CallbackStageTest
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public async Task LackOfTheProcessItself_UsesUpNoAttempt_AndDoesNotCountAgainstTheReceiver(int times)
    {
        var settings = Defaults with
        {
            MaxRetries = 0,
            DestinationBreaker = Defaults.DestinationBreaker with { Enabled = true, MaxFailures = 1 },
        };
        Client.Answer = (_, attempt, _) => Task.FromResult(attempt <= times ? Lacking() : ScriptedCallbackClient.Ok());
        var pending = await DecidedAsync();

        var receipt = await WithTimeAsync(DeliverAsync(settings, pending));

        Assert.Equal(RequestState.Delivered, Assert.Single(receipt).Settlement!.State);
        await AssertJournalAsync(pending, RequestState.Delivered, attempts: 1);
        Assert.Equal((times + 1, 0), (Client.AttemptsOf(pending), pending.AttemptsMade));
        Assert.Equal(CallbackOutcome.Success, Assert.Single(Observer.AttemptedEvents).Attempt.Outcome);
        Assert.All(
            Receivers(Defaults).Status(10),
            status => Assert.Equal((BreakerState.Closed, 0), (status.Breaker, status.FailuresInARow))
        );
        Assert.Equal(times, Resources.Status.Failures["files"]);
        Assert.Empty(Waits());
        AssertNothingIsHeld();
    }

    [Fact]
    public async Task LackOfTheProcessItself_LeavesEachFailureItsOwnWait()
    {
        Client.Answer = (_, attempt, _) =>
            Task.FromResult(
                attempt switch
                {
                    1 or 3 => Lacking(),
                    2 or 4 => ScriptedCallbackClient.Busy(),
                    _ => ScriptedCallbackClient.Ok(),
                }
            );
        var pending = await DecidedAsync();

        await WithTimeAsync(DeliverAsync(Defaults, pending));

        await AssertJournalAsync(pending, RequestState.Delivered, attempts: 3);
        Assert.Equal([20, 40], Waits());
    }

    [Fact]
    public async Task LackOfTheProcessItself_LetsTheRequestAge()
    {
        Client.Answer = (_, _, _) => Task.FromResult(Lacking());
        var pending = await DecidedAsync(age: TimeSpan.FromSeconds(30));

        var receipt = await WithTimeAsync(DeliverAsync(Defaults, pending));

        Assert.Equal(RequestState.Expired, Assert.Single(receipt).Settlement!.State);
        await AssertJournalAsync(pending, RequestState.Expired, attempts: 0);
        Assert.InRange(Client.AttemptsOf(pending), 2, 30);
        AssertNothingIsHeld();
    }

    [Fact]
    public async Task LackOfTheProcessItself_EndsWithTheLane()
    {
        Client.Answer = (_, _, _) => Task.FromResult(Lacking());
        var pending = await DecidedAsync();
        var delivery = DeliverAsync(Defaults, pending);
        await Eventually.HoldsAsync(() => Resources.Status.Waiting == 1, "it waits");

        await Stopping.CancelAsync();

        Assert.Null(Assert.Single(await delivery).Settlement);
        AssertNothingIsHeld();
    }
}
