using Akka.Actor;
using Akka.Hosting;
using AkkaCharging.Metrics;
using AkkaCharging.Requests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Metrics;

[Trait("Category", "Component")]
public sealed class MetricsActorTests : Akka.TestKit.Xunit2.TestKit
{
    private readonly MetricsState _state = new(
        TimeSpan.FromSeconds(60),
        new FakeTimeProvider(),
        new(Prometheus.Metrics.NewCustomRegistry())
    );

    [Fact]
    public async Task Events_AreInTheNextSnapshot()
    {
        using var sink = new MetricsActorSink(new FakeTimeProvider());
        sink.Start(Sys.ActorOf(Props.Create(() => new MetricsActor(_state, sink)), "metrics"));

        for (var i = 0; i < 100; i++)
            sink.Tell(
                new DecisionMade(
                    AuthorizationStatus.NotAllowed,
                    DecisionReason.NotInAcl,
                    TimeSpan.Zero,
                    TimeSpan.FromMilliseconds(5)
                )
            );

        var snapshot = await sink.GetAsync(default);
        Assert.Equal(100, snapshot.Decisions["not_allowed"]);
        Assert.InRange(snapshot.AuthorizationTimeAverageMillis, 4.9, 5.1);
    }

    [Fact]
    public void Events_ReachTheActorTogether_AfterTenMilliseconds()
    {
        var time = new FakeTimeProvider();
        using var sink = new MetricsActorSink(time);
        sink.Start(TestActor);
        MetricsEvent[] told =
        [
            new SubmissionAnswered(AnswerStatus.Accepted, TimeSpan.Zero),
            new RequestSettled(RequestState.Delivered, TimeSpan.Zero),
            new BreakerMoved(BreakerState.Open),
        ];

        foreach (var happened in told)
            sink.Tell(happened);
        ExpectNoMsg(TimeSpan.Zero);
        time.Advance(TimeSpan.FromMilliseconds(100));

        Assert.Equal(told, ExpectMsg<MetricsBatch>().Events);
        time.Advance(TimeSpan.FromSeconds(1));
        ExpectNoMsg(TimeSpan.Zero);
    }

    [Fact]
    public void ManyEvents_DoNotWaitForTheirTime()
    {
        using var sink = new MetricsActorSink(new FakeTimeProvider());
        sink.Start(TestActor);

        for (var i = 0; i < 600; i++)
            sink.Tell(new JournalCommitted(TimeSpan.Zero, i));

        var sizes = new[] { ExpectMsg<MetricsBatch>(), ExpectMsg<MetricsBatch>() }
            .SelectMany(batch => batch.Events)
            .OfType<JournalCommitted>()
            .Select(happened => happened.Writes);
        Assert.Equal(Enumerable.Range(0, 512), sizes);
        ExpectNoMsg(TimeSpan.Zero);
    }

    [Fact]
    public async Task BeforeTheActorIsStarted_EventsAreDropped_AndSnapshotsWaitForIt()
    {
        using var sink = new MetricsActorSink(new FakeTimeProvider());

        sink.Tell(new SubmissionAnswered(AnswerStatus.Accepted, TimeSpan.Zero));
        var early = sink.GetAsync(default);
        Assert.False(early.IsCompleted);
        sink.Start(Sys.ActorOf(Props.Create(() => new MetricsActor(_state, sink))));

        Assert.Empty((await early).Requests);
    }

    [Fact]
    public async Task ActorThatIsGone_IsATimeOut()
    {
        using var sink = new MetricsActorSink(new FakeTimeProvider());
        sink.Start(Sys.DeadLetters);

        await Assert.ThrowsAsync<AskTimeoutException>(() => sink.GetAsync(default));
    }

    /// <summary>A cluster node's actor system ends before its last figures are exported.</summary>
    [Fact]
    public async Task ActorThatHasEnded_LeavesItsFigures_AndEventsAreStillCounted()
    {
        using var sink = new MetricsActorSink(new FakeTimeProvider());
        var actor = Sys.ActorOf(Props.Create(() => new MetricsActor(_state, sink)));
        sink.Start(actor);
        sink.Tell(new SubmissionAnswered(AnswerStatus.Accepted, TimeSpan.Zero));
        Assert.Equal(1, Assert.Single((await sink.GetAsync(default)).Requests).Value);
        sink.Tell(new SubmissionAnswered(AnswerStatus.Accepted, TimeSpan.Zero)); // is in no batch of the actor yet

        await actor.GracefulStop(TimeSpan.FromSeconds(10));
        sink.Tell(new SubmissionAnswered(AnswerStatus.Accepted, TimeSpan.Zero));

        Assert.Equal(3, Assert.Single((await sink.GetAsync(default)).Requests).Value);
        Assert.Equal(2, Assert.Single(await sink.GetHistoryAsync(pending: 2, default)).Pending);
    }

    [Fact]
    public async Task Hosting_StartsTheActorUnderItsName()
    {
        using var sink = new MetricsActorSink(new FakeTimeProvider());
        using var host = new HostBuilder()
            .ConfigureServices(services =>
                services.AddAkka("metrics-test", (akka, _) => akka.WithMetricsActor(sink, _state))
            )
            .Build();
        await host.StartAsync();

        var path = host.Services.GetRequiredService<ActorSystem>().ActorSelection("/user/metrics");
        Assert.Equal("metrics", (await path.ResolveOne(TimeSpan.FromSeconds(10))).Path.Name);
        Assert.Empty((await sink.GetAsync(default)).Requests);
        await host.StopAsync();
    }
}
