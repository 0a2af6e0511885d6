using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Requests;
using AkkaCharging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline;

/// <summary>A graph that dies is run again, and what was pending goes on.</summary>
[Trait("Category", "Component")]
public sealed class GraphRestartTests : ChargingServiceTest
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task GraphThatDies_IsRunAgain_AndLosesNothing(bool inDecided)
    {
        var armed = 1;
        if (inDecided)
            Observer.OnDecided = _ => ThrowWhile(() => Interlocked.Exchange(ref armed, 0) == 1);
        else
            Observer.OnSettled = request => ThrowWhile(() => TakesTheBlow(request));
        var service = Start();

        var ids = await SubmitAsync(service, 200);

        await Eventually.HoldsAsync(
            () => service.Status is { Pending: 0, Worst: LaneState.Running },
            "everything is settled"
        );
        Assert.Equal(1, service.Status.Restarts);
        await AssertDecidedAndSettledOnceAsync(ids);

        bool TakesTheBlow(ChargingRequest request)
        {
            if (Interlocked.Exchange(ref armed, 0) == 0)
                return false;
            LostToTheDefect.Add(request.Id);
            return true;
        }
    }

    [Fact]
    public async Task RequestsAcceptedWhileTheGraphIsDead_AreTakenUpByTheNext()
    {
        var armed = 1;
        Observer.OnDecided = _ => ThrowWhile(() => Interlocked.Exchange(ref armed, 0) == 1);
        var service = Start();
        var first = await SubmitAsync(service, 1);
        await Eventually.HoldsAsync(() => service.Status.Restarts == 1, "the graph died");

        var second = await SubmitAsync(service, 50);

        await Eventually.HoldsAsync(() => service.Status.Pending == 0, "everything is settled");
        await AssertDecidedAndSettledOnceAsync([.. first, .. second]);
    }

    [Fact]
    public async Task GraphThatDiesAgainAndAgain_IsFailing_AndRecovers()
    {
        var broken = true;
        Callbacks.Answer = (_, _, _) =>
        {
            ThrowWhile(() => Volatile.Read(ref broken));
            return Task.FromResult(ScriptedCallbackClient.Ok());
        };
        var service = Start();
        var ids = await SubmitAsync(service, 3);

        await Eventually.HoldsAsync(() => service.Status.Worst == LaneState.Failing, "the lane is failing");
        Assert.True(service.Status.Restarts >= 5);
        Volatile.Write(ref broken, false);

        await Eventually.HoldsAsync(
            () => service.Status is { Pending: 0, Worst: LaneState.Running },
            "everything is settled"
        );
        await AssertSettledOnceAsync(ids);
    }

    [Fact]
    public async Task HealthyMinute_MakesTheNextDeathAFirstOne()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        Time = time;
        var broken = true;
        Callbacks.Answer = (_, _, _) =>
        {
            time.Advance(TimeSpan.FromMinutes(1));
            ThrowWhile(() => Volatile.Read(ref broken));
            return Task.FromResult(ScriptedCallbackClient.Ok());
        };
        var service = Start(settings =>
            settings with
            {
                Request = settings.Request with { MaxAge = TimeSpan.FromDays(1) },
            }
        );
        var ids = await SubmitAsync(service, 1);

        await Eventually.HoldsAsync(
            () =>
            {
                Assert.NotEqual(LaneState.Failing, service.Status.Worst);
                return service.Status.Restarts >= 7;
            },
            "the graph died seven times"
        );
        Volatile.Write(ref broken, false);

        await Eventually.HoldsAsync(() => service.Status.Pending == 0, "everything is settled");
        await AssertSettledOnceAsync(ids);
    }

    /// <summary>
    /// Requests are offered once to each run: an owner that counted its runs from one again would never offer those of
    /// the owner before.
    /// </summary>
    [Fact]
    public async Task OwnerThatIsItselfRestarted_TakesUpWhatIsPending()
    {
        var time = new FailingTime();
        Time = time;
        var armed = 1;
        Observer.OnDecided = _ =>
            ThrowWhile(() =>
            {
                time.FailsOnce = Volatile.Read(ref armed) == 1;
                return Interlocked.Exchange(ref armed, 0) == 1;
            });
        var service = Start();

        var ids = await SubmitAsync(service, 20);

        await Eventually.HoldsAsync(
            () => service.Status is { Pending: 0, Worst: LaneState.Running },
            "everything is settled"
        );
        Assert.True(time.Failed);
        await AssertSettledOnceAsync(ids);
    }
}
