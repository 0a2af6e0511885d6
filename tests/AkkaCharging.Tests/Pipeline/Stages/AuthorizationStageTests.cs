using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Journal.Memory;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Stages;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline.Stages;

[Trait("Category", "Component")]
public sealed class AuthorizationStageTests : Akka.TestKit.Xunit2.TestKit
{
    private static readonly TimeSpan Patience = Eventually.Patience;

    private readonly FakeTimeProvider _time = new(Sample.Now);
    private readonly ScriptedAuthorizer _authorizer = new();
    private readonly RecordingObserver _observer = new();
    private readonly BreakableJournal _journal;
    private readonly CancellationTokenSource _stopping = new();
    private GuardedChain? _authorizers; // of the latest stage

    public AuthorizationStageTests() =>
        _journal = new BreakableJournal(new MemoryJournal(SettingsLoader.Defaults.Journal, _time));

    [Fact]
    public async Task Decision_IsJournaledBeforeItIsEmitted()
    {
        var pending = await AcceptedAsync();
        _journal.IsAway = true;
        var (intake, passed) = Run();
        await intake.OfferAsync(pending);
        await Eventually.HoldsAsync(() => _journal.Refused == 1, "the journal refused the decision");
        Assert.Equal((0, null), (passed.Count, pending.Decision));

        _journal.IsAway = false;
        await AdvanceUntilAsync(() => passed.Count == 1, "the request passes");

        var stored = (await _journal.FindAsync(pending.Request.Id, default))!.Decision;
        Assert.Equal(AuthorizationStatus.Allowed, pending.Decision?.Status);
        Assert.Equal(stored, pending.Decision);
        Assert.Equal(1, _authorizer.Calls);
        Assert.Equal(pending.Decision, Assert.Single(_observer.DecidedEvents).Decision);
    }

    [Fact]
    public async Task JournalThatStaysAway_IsTriedUntilItIsBack()
    {
        var pending = await AcceptedAsync();
        _journal.IsAway = true;
        var (intake, passed) = Run();
        await intake.OfferAsync(pending);

        await AdvanceUntilAsync(() => _journal.Refused >= 10, "the journal refused ten times");
        Assert.Empty(passed);
        _journal.IsAway = false;
        await AdvanceUntilAsync(() => passed.Count == 1, "the request passes");

        Assert.Equal(1, _authorizer.Calls);
        Assert.Equal(pending.Decision, (await _journal.FindAsync(pending.Request.Id, default))!.Decision);
    }

    [Fact]
    public async Task DecisionThatStandsInTheJournal_WinsOverTheNewOne()
    {
        var pending = await AcceptedAsync();
        var first = Sample.Decision(Sample.Now.AddSeconds(-1), AuthorizationStatus.NotAllowed);
        await _journal.DecideAsync(pending.Request.Id, first, default);

        Assert.Equal([first], (await PassAsync(pending)).Select(passed => passed.Decision));

        Assert.Equal(first, Assert.Single(_observer.DecidedEvents).Decision);
    }

    [Fact]
    public async Task DecidedRequest_PassesAsItIs_WithoutTheAuthorizerOrTheJournal()
    {
        var pending = Sample.Decided();
        var decision = pending.Decision;
        _journal.IsAway = true;

        Assert.Equal([pending], await PassAsync(pending));

        Assert.Same(decision, pending.Decision);
        Assert.Equal((0, 0), (_authorizer.Calls, _journal.Refused));
        Assert.Empty(_observer.DecidedEvents);
    }

    [Fact]
    public async Task ExpiredRequest_PassesUndecided()
    {
        var pending = Sample.Pending(age: TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal([pending], await PassAsync(pending));

        Assert.Null(pending.Decision);
        Assert.Equal(0, _authorizer.Calls);
    }

    [Fact]
    public async Task RequestThatExpiresBeforeItsTurn_PassesUndecided_AndNobodyIsAskedAboutIt()
    {
        _authorizer.HangsAlways();
        var turns = SettingsLoader.Defaults.Authorization.Parallelism;
        var (intake, passed) = Run(parallelism: turns + 1);
        for (var i = 0; i < turns; i++)
            await intake.OfferAsync(await AcceptedAsync());
        await Eventually.HoldsAsync(() => _authorizer.Calls == turns, "all turns are taken");
        var waiting = Sample.Pending(age: TimeSpan.FromSeconds(1));
        await intake.OfferAsync(waiting);

        await AdvanceUntilAsync(() => !passed.IsEmpty, "the request passes");

        Assert.Equal([waiting], passed);
        Assert.Null(waiting.Decision);
        Assert.Equal(turns, _authorizer.Calls);
        Assert.Empty(_observer.DecidedEvents);
        Assert.DoesNotContain(
            _authorizers!.Answers,
            answer => answer is { Reason: DecisionReason.Deadline, Count: > 0 }
        );
    }

    [Fact]
    public async Task FailingAuthorizer_IsADecisionToo()
    {
        var pending = await AcceptedAsync();
        _authorizer.FailsAlways();

        await PassAsync(pending);

        Assert.Equal(
            (AuthorizationStatus.Unknown, DecisionReason.AuthorizerError),
            (pending.Decision!.Status, pending.Decision.Reason)
        );
    }

    [Fact]
    public async Task Observer_IsToldHowLongTheRequestWaitedAndWasAskedAbout()
    {
        var answer = new TaskCompletionSource<AuthorizerAnswer>();
        _authorizer.Always((_, _) => new(answer.Task));
        var pending = new PendingRequest(
            Sample.Request(),
            Sample.Pending().Receiver,
            _time,
            _time.GetTimestamp(),
            TimeSpan.FromMinutes(5)
        );
        await _journal.AcceptAsync(pending.Request, idempotency: null, default);
        _time.Advance(TimeSpan.FromSeconds(3));
        var passing = PassAsync(pending);
        await Eventually.HoldsAsync(() => _authorizer.Calls == 1, "the authorizer is asked");

        _time.Advance(TimeSpan.FromSeconds(2));
        answer.SetResult(AuthorizerAnswer.AllowedByList);
        await passing;

        var told = Assert.Single(_observer.DecidedEvents);
        Assert.Equal((TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(2)), (told.QueueWait, told.Duration));
    }

    /// <summary>The figures would otherwise blame an authorizer that answers at once.</summary>
    [Fact]
    public async Task WaitForATurnAtTheAuthorizer_CountsAsWaiting()
    {
        var answer = new TaskCompletionSource<AuthorizerAnswer>();
        _authorizer.Always((_, _) => new(answer.Task));
        var turns = SettingsLoader.Defaults.Authorization.Parallelism;
        var (intake, _) = Run(parallelism: turns + 1);
        for (var i = 0; i <= turns; i++)
            await intake.OfferAsync(await AcceptedAsync());
        await Eventually.HoldsAsync(() => _authorizer.Calls == turns, "all turns are taken");
        var took = TimeSpan.FromSeconds(2);

        _time.Advance(took);
        answer.SetResult(AuthorizerAnswer.AllowedByList);

        await Eventually.HoldsAsync(() => _observer.DecidedEvents.Count == turns + 1, "all are decided");
        var times = _observer.DecidedEvents.Select(told => (told.QueueWait, told.Duration)).ToList();
        Assert.Equal(turns, times.Count(time => time == (TimeSpan.Zero, took)));
        Assert.Single(times, time => time == (took, TimeSpan.Zero));
    }

    [Fact]
    public async Task Parallelism_IsTheMostThatAreAskedAboutAtATime()
    {
        _authorizer.HangsAlways();
        var (intake, _) = Run(parallelism: 3);
        for (var i = 0; i < 8; i++)
            await intake.OfferAsync(Sample.Pending());

        await Eventually.HoldsAsync(() => _authorizer.Calls == 3, "three are asked about");
        await _stopping.CancelAsync();

        await Eventually.HoldsAsync(() => _authorizer.Cancelled == 3, "they are cancelled");
        Assert.Equal(3, _authorizer.Calls);
    }

    [Fact]
    public async Task Stop_LetsRequestsPassUndecided_InFlightAndNew()
    {
        _authorizer.HangsAlways();
        var (intake, passed) = Run();
        await intake.OfferAsync(Sample.Pending());
        await Eventually.HoldsAsync(() => _authorizer.Calls == 1, "the authorizer is asked");

        await _stopping.CancelAsync();
        await intake.OfferAsync(Sample.Pending());

        await Eventually.HoldsAsync(() => passed.Count == 2, "both pass");
        Assert.All(passed, pending => Assert.Null(pending.Decision));
        Assert.Equal(1, _authorizer.Calls);
        Assert.Empty(_observer.DecidedEvents);
    }

    [Fact]
    public async Task StopWhileTheJournalIsAway_LetsTheRequestPassUndecided()
    {
        var pending = await AcceptedAsync();
        _journal.IsAway = true;
        var (intake, passed) = Run();
        await intake.OfferAsync(pending);
        await Eventually.HoldsAsync(() => _journal.Refused == 1, "the journal refused the decision");

        await _stopping.CancelAsync();

        await Eventually.HoldsAsync(() => passed.Count == 1, "the request passes");
        Assert.Null(pending.Decision);
        Assert.Empty(_observer.DecidedEvents);
    }

    [Fact]
    public async Task Completion_EmitsAnswersInFlightFirst()
    {
        var answer = new TaskCompletionSource<AuthorizerAnswer>();
        _authorizer.Always((_, _) => new(answer.Task));
        var passing = PassAsync([.. Enumerable.Range(0, 20).Select(_ => Sample.Pending())]);
        await Eventually.HoldsAsync(() => _authorizer.Calls == 20, "all are asked about");
        Assert.False(passing.IsCompleted);

        answer.SetResult(AuthorizerAnswer.AllowedByList);

        Assert.Equal(20, (await passing).Count(pending => pending.Decision is not null));
    }

    [Fact]
    public async Task UpstreamFailure_IsPassedOn()
    {
        var failure = Source
            .Failed<PendingRequest>(new InvalidOperationException("upstream"))
            .Via(Stage())
            .RunWith(Sink.Ignore<PendingRequest>(), Sys.Materializer());

        Assert.Equal(
            "upstream",
            (await Assert.ThrowsAnyAsync<Exception>(() => failure.WaitAsync(Patience))).GetBaseException().Message
        );
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        _stopping.Dispose();
    }

    // The wait after a refusal begins a little after the refusal is seen: one step of the clock might come too early
    // for it.
    private Task AdvanceUntilAsync(Func<bool> condition, string what) =>
        Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return condition();
            },
            what
        );

    private Flow<PendingRequest, PendingRequest, Akka.NotUsed> Stage(int parallelism = 64)
    {
        var settings = SettingsLoader.Defaults.Authorization with { MaxRetries = 0 };
        _authorizers = new GuardedChain(AuthorizerChain.Of("acl", _authorizer), settings, Sys.Scheduler, _time);
        return AuthorizationStage.Create(parallelism, _authorizers, _journal, _observer, _time, _stopping.Token);
    }

    private async Task<PendingRequest> AcceptedAsync()
    {
        var pending = Sample.Pending();
        await _journal.AcceptAsync(pending.Request, idempotency: null, default);
        return pending;
    }

    private async Task<IReadOnlyList<PendingRequest>> PassAsync(params PendingRequest[] pending) =>
        await Source
            .From(pending)
            .Via(Stage())
            .RunWith(Sink.Seq<PendingRequest>(), Sys.Materializer())
            .WaitAsync(Patience);

    private (
        ISourceQueueWithComplete<PendingRequest> Intake,
        System.Collections.Concurrent.ConcurrentQueue<PendingRequest> Passed
    ) Run(int parallelism = 64)
    {
        var passed = new System.Collections.Concurrent.ConcurrentQueue<PendingRequest>();
        var intake = Source
            .Queue<PendingRequest>(100, OverflowStrategy.DropNew)
            .Via(Stage(parallelism))
            .To(Sink.ForEach<PendingRequest>(passed.Enqueue))
            .Run(Sys.Materializer());
        return (intake, passed);
    }
}
