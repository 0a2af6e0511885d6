using Akka.Actor;
using Akka.Hosting;
using AkkaCharging.Authorization;
using AkkaCharging.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Metrics;

[Trait("Category", "Component")]
public sealed class MetricsActorTests : Akka.TestKit.Xunit2.TestKit
{
    private readonly MetricsState _state = new(TimeSpan.FromSeconds(60), new FakeTimeProvider(), new(Prometheus.Metrics.NewCustomRegistry()));

    [Fact]
    public async Task Events_AreInTheNextSnapshot()
    {
        var sink = new MetricsActorSink();
        sink.Start(Sys.ActorOf(Props.Create(() => new MetricsActor(_state)), "metrics"));

        for (var i = 0; i < 100; i++)
            sink.Tell(new DecisionMade(AuthorizationStatus.NotAllowed, DecisionReason.NotInAcl, TimeSpan.Zero, TimeSpan.FromMilliseconds(5)));

        var snapshot = await sink.GetAsync(default);
        Assert.Equal(100, snapshot.Decisions["not_allowed"]);
        Assert.InRange(snapshot.AuthorizationTimeAverageMillis, 4.9, 5.1);
    }

    [Fact]
    public async Task BeforeTheActorIsStarted_EventsAreDropped_AndSnapshotsWaitForIt()
    {
        var sink = new MetricsActorSink();

        sink.Tell(new SubmissionAnswered("accepted", TimeSpan.Zero));
        var early = sink.GetAsync(default);
        Assert.False(early.IsCompleted);
        sink.Start(Sys.ActorOf(Props.Create(() => new MetricsActor(_state))));

        Assert.Empty((await early).Requests);
    }

    [Fact]
    public async Task ActorThatIsGone_IsATimeOut()
    {
        var sink = new MetricsActorSink();
        sink.Start(Sys.DeadLetters);

        await Assert.ThrowsAsync<AskTimeoutException>(() => sink.GetAsync(default));
    }

    [Fact]
    public async Task Hosting_StartsTheActorUnderItsName()
    {
        var sink = new MetricsActorSink();
        using var host = new HostBuilder()
            .ConfigureServices(services => services.AddAkka("metrics-test", (akka, _) => akka.WithMetricsActor(sink, _state)))
            .Build();
        await host.StartAsync();

        var path = host.Services.GetRequiredService<ActorSystem>().ActorSelection("/user/metrics");
        Assert.Equal("metrics", (await path.ResolveOne(TimeSpan.FromSeconds(10))).Path.Name);
        Assert.Empty((await sink.GetAsync(default)).Requests);
        await host.StopAsync();
    }
}
