using AkkaCharging.Authorization;
using AkkaCharging.Settings;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Pipeline;

/// <summary>A request that is in another node's lane is given up here, whatever is to be written.</summary>
[Trait("Category", "Component")]
public sealed class MovedRequestTests : ChargingServiceTest
{
    [Fact]
    public async Task Decision_ThatIsRefused_IsNotCalledBack()
    {
        Authorizer.Always(
            (query, _) =>
            {
                Journal.MovedId ??= query.RequestId;
                return ValueTask.FromResult(AuthorizerAnswer.AllowedByList);
            }
        );

        await AssertGivenUpAsync(attempts: 0);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(2, false)]
    public async Task Outcome_ThatIsRefused_IsNotFollowedByAnotherAttempt(int attempts, bool isDelivered)
    {
        Callbacks.Answer = (request, attempt, _) =>
        {
            if (attempt == attempts)
                Journal.MovedId ??= request.Id;
            var isOther = Journal.MovedId is { } moved && moved != request.Id;
            return Task.FromResult(
                isOther || (attempt == attempts && isDelivered)
                    ? ScriptedCallbackClient.Ok()
                    : ScriptedCallbackClient.Busy()
            );
        };

        await AssertGivenUpAsync(attempts);
    }

    private async Task AssertGivenUpAsync(int attempts)
    {
        var service = Start(defaults => defaults with { Callback = Impatient(defaults.Callback) });

        var moved = (await SubmitAsync(service, 1)).Single();

        await Eventually.HoldsAsync(() => service.Status.Pending == 0, "its place is free");
        Assert.Equal(moved, Journal.MovedId);
        Assert.Equal(attempts, Callbacks.Attempts.Count);
        Assert.Empty(Observer.SettledEvents);
        Assert.Null((await Journal.FindAsync(moved, default))!.SettledAt);
        Assert.Equal(
            (0, 0, 0),
            service.Receivers.Status(1).Select(s => (s.InFlight, s.Waiting, s.Retrying)).SingleOrDefault()
        );

        await SubmitAsync(service, 1);
        await SettledAsync(1);
    }

    private static CallbackSettings Impatient(CallbackSettings callback) =>
        callback with
        {
            RetryDelay = TimeSpan.FromMilliseconds(1),
            DestinationBreaker = callback.DestinationBreaker with { Enabled = false },
        };
}
