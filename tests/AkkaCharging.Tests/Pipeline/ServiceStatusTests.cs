using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline;

/// <summary>What a service says of its lanes, authorizers and load.</summary>
[Trait("Category", "Component")]
public sealed class ServiceStatusTests : ChargingServiceTest
{
    [Fact]
    public void Status_IsThatOfTheWorstLane_WithTheRestartsOfAll()
    {
        var service = New(WithLanes(3));
        var lanes = service.Lanes.All;
        Assert.Equal(LaneState.Restarting, service.Status.Worst); // before the start

        (lanes[0].State, lanes[0].Restarts) = (LaneState.Running, 2);
        (lanes[1].State, lanes[1].Restarts) = (LaneState.Failing, 3);
        (lanes[2].State, lanes[2].Restarts) = (LaneState.Running, 0);

        Assert.Equal((LaneState.Failing, 5), (service.Status.Worst, service.Status.Restarts));
    }

    [Fact]
    public void Restarts_OfALaneThatLeft_AreStillCounted()
    {
        var service = New(WithLanes(2));
        var lanes = service.Lanes.All;
        (lanes[0].Restarts, lanes[1].Restarts) = (2, 3);

        service.Lanes.Remove(lanes[1]);
        service.Lanes.Remove(lanes[1]); // is no longer there

        Assert.Equal((5, 1), (service.Status.Restarts, service.Lanes.All.Length));
    }

    [Fact]
    public async Task Pending_CountsWhatTheJournalStillHolds()
    {
        var service = New(SettingsLoader.Defaults);
        await SubmitAsync(service, 2);

        Journal.Backlog = 3;

        Assert.Equal(5, service.Status.Pending);
    }

    [Fact]
    public void OldestAge_IsThatOfTheOldestRequestInAnyLane()
    {
        Time = new FakeTimeProvider(Sample.Now);
        var service = New(WithLanes(2));
        Assert.Equal(TimeSpan.Zero, service.Load.OldestAge);

        service.Lanes.All[0].TryAdd(Sample.Pending(acceptedAt: Sample.Now - TimeSpan.FromSeconds(5)));
        service.Lanes.All[1].TryAdd(Sample.Pending(acceptedAt: Sample.Now - TimeSpan.FromSeconds(60)));
        service.Lanes.All[1].TryAdd(Sample.Pending(acceptedAt: Sample.Now));

        Assert.Equal(TimeSpan.FromSeconds(60), service.Load.OldestAge);
    }

    [Fact]
    public async Task Authorizations_AreTheQuestionsInProgress()
    {
        Authorizer.HangsAlways();
        var service = Start();
        Assert.Equal(0, service.Load.Authorizations);

        await SubmitAsync(service, 2);

        await Eventually.HoldsAsync(() => service.Load.Authorizations == 2, "both questions are in progress");
    }

    [Fact]
    public async Task Breaker_IsThatOfTheAuthorizer()
    {
        Authorizer.FailsAlways();
        var service = Start(settings =>
            settings with
            {
                Authorization = settings.Authorization with
                {
                    CircuitBreaker = settings.Authorization.CircuitBreaker with
                    {
                        MaxFailures = 1,
                        ResetTimeout = TimeSpan.FromHours(100), // a thousandth here
                        MaxResetTimeout = TimeSpan.FromHours(100),
                    },
                },
            }
        );
        Assert.Equal(BreakerState.Closed, service.Status.Breaker);

        await SubmitAsync(service, 1);

        await Eventually.HoldsAsync(() => service.Status.Breaker == BreakerState.Open, "the breaker opens");
        Assert.Equal([BreakerState.Open], service.Partners.Select(partner => partner.Breaker));
    }

    [Fact]
    public async Task Partners_AreToldOfFromTheStartOn_WithTheirAnswers()
    {
        Assert.Empty(New(SettingsLoader.Defaults).Partners);
        Assert.Empty(New(SettingsLoader.Defaults).PartnerAnswers);
        var service = Start();

        await SubmitAsync(service, 2);
        await SettledAsync(2);

        Assert.Equal(["acl"], service.Partners.Select(partner => partner.Name));
        Assert.Equal(2, service.PartnerAnswers.Where(answer => answer.Name == "acl").Sum(answer => answer.Count));
    }

    [Fact]
    public void LanesOfANode_AreThoseThatTheClusterPutsThere()
    {
        var settings = WithLanes(3);
        var service = New(settings with { Cluster = settings.Cluster with { Enabled = true } });
        Assert.Empty(service.Lanes.All);
        var (fifth, ninth) = (new Lane(5, service.Admission), new Lane(9, service.Admission));
        service.Lanes.Add(fifth);
        service.Lanes.Add(ninth);
        var id = Sample.Request().Id;

        Assert.Equal((fifth, ninth, null), (service.Lanes.Of(id, 5), service.Lanes.Of(id, 9), service.Lanes.Of(id, 0)));

        service.Lanes.Remove(fifth);
        Assert.Null(service.Lanes.Of(id, 5));
    }

    [Fact]
    public async Task LimitsOfTheWholeCluster_AreSharedByItsNodes()
    {
        var time = new FakeTimeProvider(Sample.Now);
        Time = time;
        var service = Start(settings =>
            settings with
            {
                Authorization = settings.Authorization with
                {
                    Throttle = settings.Authorization.Throttle with
                    {
                        Elements = 10,
                        Per = TimeSpan.FromSeconds(1),
                        Burst = 1,
                    },
                },
            }
        );
        service.Divide(10); // one question a second
        var first = await AskAsync();
        Assert.Equal(DecisionReason.InAcl, first!.Reason);

        var second = AskAsync();
        time.Advance(TimeSpan.FromMilliseconds(999));
        await second.WaitAsync(Patience);

        Assert.Equal(1, Authorizer.Calls);

        Task<Decision?> AskAsync()
        {
            var request = Sample.Request();
            return service.Questions.AskAsync(
                request.Id,
                request.Station,
                request.Token,
                TimeSpan.FromMilliseconds(999),
                CancellationToken.None
            );
        }
    }

    private static ChargingSettings WithLanes(int count) =>
        SettingsLoader.Defaults with
        {
            Queue = SettingsLoader.Defaults.Queue with { ConsumerThreads = count },
        };
}
