using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Stages;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Authorization;

namespace AkkaCharging.Tests.Pipeline;

[Trait("Category", "Component")]
public sealed class SynchronousQuestionsTests()
    : Akka.TestKit.Xunit2.TestKit("akka.scheduler.implementation = \"Akka.TestKit.TestScheduler, Akka.TestKit\"")
{
    private const int Questions = 1_000;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly SteppingTime _time = new();
    private readonly ScriptedAuthorizer _authorizer = new();
    private readonly RecordingObserver _observer = new();

    /// <summary>The throttle is shared with requests whose 200 was sent.</summary>
    [Fact]
    public async Task QuestionsBeyondTheThrottle_TakeNoTurnsThatTheyCannotUse()
    {
        var throttle = Throttle();
        var questions = Questionnaire(throttle);
        var answers = Enumerable
            .Range(0, Questions)
            .Select(_ => AskAsync(questions, TimeSpan.FromSeconds(1), CancellationToken.None))
            .ToList();

        for (var i = 0; i < 10; i++)
            _time.Advance(Interval);
        var decisions = await Task.WhenAll(answers);

        Assert.InRange(_authorizer.Calls, 10, 11); // the last one's turn is its deadline
        Assert.Equal(_authorizer.Calls, decisions.Count(decision => decision!.Reason == DecisionReason.InAcl));
        Assert.InRange(throttle.Reserve(throttle.Now), throttle.Now, throttle.Now + Ticks(Interval));
    }

    /// <summary>Each would be asked and given up at once: more calls than the throttle lets through.</summary>
    [Fact]
    public async Task QuestionsBeyondTheThrottle_AreNotAskedAtTheirDeadline_ThoughTimersAreEarly()
    {
        _time.EarlyBy = TimeSpan.FromMilliseconds(1);
        var questions = Questionnaire(Throttle());
        var validFor = Interval / 2;
        var answers = Enumerable
            .Range(0, 10)
            .Select(_ => AskAsync(questions, validFor, CancellationToken.None))
            .ToList();

        _time.Advance(validFor - _time.EarlyBy);
        var decisions = await Task.WhenAll(answers).WaitAsync(Eventually.Patience);

        Assert.Equal(1, _authorizer.Calls);
        Assert.Equal(9, decisions.Count(decision => decision!.Reason == DecisionReason.Deadline));
    }

    [Fact]
    public async Task CallersWhoLeave_GiveTheirTurnsBack()
    {
        var throttle = Throttle();
        var questions = Questionnaire(throttle);
        using var leaving = new CancellationTokenSource();
        var answers = Enumerable
            .Range(0, Questions)
            .Select(_ => AskAsync(questions, validFor: null, leaving.Token))
            .ToList();

        await leaving.CancelAsync();

        await Eventually.HoldsAsync(() => answers.TrueForAll(answer => answer.IsCompleted), "all have left");
        Assert.Equal(Questions - 1, answers.Count(answer => answer.IsCanceled)); // the first did not have to wait
        Assert.InRange(throttle.Reserve(throttle.Now), throttle.Now, throttle.Now + Ticks(Interval));
    }

    [Fact]
    public async Task CallerWhoHasLeftBefore_TakesNoTurn()
    {
        var throttle = Throttle();
        var questions = Questionnaire(throttle);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            AskAsync(questions, validFor: null, new CancellationToken(canceled: true))
        );

        Assert.Equal(throttle.Now, throttle.Reserve(throttle.Now));
        Assert.Equal(0, _authorizer.Calls);
    }

    [Fact]
    public async Task QuestionBeyondTheQueuesSize_IsNotTakenUp()
    {
        _authorizer.HangsAlways();
        var questions = Questionnaire(throttle: null, queueSize: 2);
        using var leaving = new CancellationTokenSource();
        var waiting = Enumerable.Range(0, 2).Select(_ => AskAsync(questions, null, leaving.Token)).ToList();

        Assert.Null(await AskAsync(questions, null, CancellationToken.None));

        Assert.Equal(2, questions.Waiting);
        await leaving.CancelAsync();
        await Eventually.HoldsAsync(() => questions.Waiting == 0, "those who left make room");
        Assert.All(waiting, answer => Assert.True(answer.IsCanceled));
        _authorizer.AnswersAlways(AuthorizerAnswer.AllowedByList);
        Assert.NotNull(await AskAsync(questions, null, CancellationToken.None));
    }

    [Fact]
    public async Task AnswerWithin_IsTheDeadline_NotTheTimeoutOfACall()
    {
        _authorizer.HangsAlways();
        var within = TimeSpan.FromSeconds(1);
        var questions = Questionnaire(throttle: null, answerWithin: within);
        var answer = AskAsync(questions, validFor: null, CancellationToken.None);

        _time.Advance(within - TimeSpan.FromMilliseconds(1));
        Assert.False(answer.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));

        var decision = await answer.WaitAsync(Eventually.Patience);
        Assert.Equal((DecisionReason.Deadline, 0), (decision!.Reason, questions.Waiting));
    }

    [Theory]
    [InlineData(null, "Timeout")]
    [InlineData(29, "Deadline")]
    public async Task WithoutAnswerWithin_SilenceIsATimeout_UnlessTheAnswerIsOfNoUseSooner(
        int? validForSeconds,
        string reason
    )
    {
        _authorizer.HangsAlways();
        var questions = Questionnaire(Throttle());
        TimeSpan? validFor = validForSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null;
        _ = AskAsync(questions, validFor: null, CancellationToken.None); // takes the turn
        var answer = AskAsync(questions, validFor, CancellationToken.None);

        _time.Advance(Interval);
        await Eventually.HoldsAsync(() => _authorizer.Calls == 2, "the second has its turn");
        _time.Advance(TimeSpan.FromSeconds(30));

        Assert.Equal(reason, $"{(await answer.WaitAsync(Eventually.Patience))!.Reason}");
    }

    [Fact]
    public async Task QuestionThatWaits_IsAskedAtItsTurn_AlsoWhenTheThrottleIsOld()
    {
        var questions = Questionnaire(Throttle());
        _time.Advance(TimeSpan.FromHours(1));
        await AskAsync(questions, validFor: null, CancellationToken.None);
        var second = AskAsync(questions, validFor: null, CancellationToken.None);

        _time.Advance(Interval - TimeSpan.FromMilliseconds(1));
        Assert.Equal((1, false), (_authorizer.Calls, second.IsCompleted));
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(DecisionReason.InAcl, (await second.WaitAsync(Eventually.Patience))!.Reason);
    }

    [Fact]
    public async Task Observer_IsToldHowLongAQuestionWaited_AndHowLongItsAuthorizerTook()
    {
        var took = TimeSpan.FromMilliseconds(40);
        var questions = Questionnaire(Throttle());
        var first = await AskAsync(questions, validFor: null, CancellationToken.None);
        var answer = new TaskCompletionSource<AuthorizerAnswer>();
        _authorizer.Always((_, _) => new(answer.Task));
        var asking = AskAsync(questions, validFor: null, CancellationToken.None);

        _time.Advance(Interval);
        await Eventually.HoldsAsync(() => _authorizer.Calls == 2, "the second has its turn");
        _time.Advance(took);
        answer.SetResult(AuthorizerAnswer.AllowedByList);
        var second = await asking;

        Assert.Equal(
            [(first, TimeSpan.Zero, TimeSpan.Zero), (second, Interval, took)],
            _observer.AnsweredEvents.Select(told => ((Decision?)told.Decision, told.ThrottleWait, told.Duration))
        );
        Assert.Equal(
            _authorizer.Queries.Select(query => query.RequestId),
            _observer.AnsweredEvents.Select(told => told.Question.Id)
        );
    }

    [Fact]
    public async Task CallerWhoLeavesBeforeTheirTurn_GetsNoDecision_AlsoWhereNobodyIsAsked()
    {
        var questions = Questionnaire(Throttle(), chain: new AuthorizerChain([new NoRoute()]));
        using var leaving = new CancellationTokenSource();
        await AskAsync(questions, validFor: null, CancellationToken.None);
        var second = AskAsync(questions, validFor: null, leaving.Token);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second.WaitAsync(Eventually.Patience));
        Assert.Single(_observer.AnsweredEvents);
    }

    private TokenBucket Throttle() => new(1 / Interval.TotalSeconds, burst: 1, _time);

    private double Ticks(TimeSpan time) => time.TotalSeconds * _time.TimestampFrequency;

    private SynchronousQuestions Questionnaire(
        TokenBucket? throttle,
        int queueSize = Questions,
        TimeSpan? answerWithin = null,
        AuthorizerChain? chain = null
    )
    {
        var settings = SettingsLoader.Defaults;
        settings = settings with
        {
            Authorization = settings.Authorization with
            {
                Timeout = TimeSpan.FromSeconds(30),
                AnswerWithin = answerWithin,
            },
            Queue = settings.Queue with { MaxSize = queueSize },
        };
        var guarded = new GuardedChain(
            chain ?? AuthorizerChain.Of("acl", _authorizer),
            settings.Authorization,
            Sys.Scheduler,
            _time
        );
        return new SynchronousQuestions(settings, () => guarded, throttle, _observer, _time);
    }

    private static Task<Decision?> AskAsync(
        SynchronousQuestions questions,
        TimeSpan? validFor,
        CancellationToken cancellationToken
    )
    {
        var query = Queries.Some();
        return questions.AskAsync(query.RequestId, query.Station, query.Token, validFor, cancellationToken);
    }

    /// <summary>A link that has nobody to ask.</summary>
    private sealed class NoRoute : IAuthorizerLink
    {
        public IReadOnlyList<Partner> Partners => [];

        public PartnerRoute Route(AuthorizationQuery query) => PartnerRoute.None(DecisionReason.NoRoute);
    }
}
