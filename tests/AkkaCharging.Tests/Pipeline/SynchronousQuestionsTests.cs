using AkkaCharging.Authorization.Chain;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Stages;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Authorization;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline;

[Trait("Category", "Component")]
public sealed class SynchronousQuestionsTests()
    : Akka.TestKit.Xunit2.TestKit("akka.scheduler.implementation = \"Akka.TestKit.TestScheduler, Akka.TestKit\"")
{
    private const int Questions = 1_000;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly FakeTimeProvider _time = new(Queries.Now);
    private readonly ScriptedAuthorizer _authorizer = new();

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
        _authorizer.AnswersAlways(AkkaCharging.Authorization.AuthorizerAnswer.AllowedByList);
        Assert.NotNull(await AskAsync(questions, null, CancellationToken.None));
    }

    private TokenBucket Throttle() => new(1 / Interval.TotalSeconds, burst: 1, _time);

    private double Ticks(TimeSpan time) => time.TotalSeconds * _time.TimestampFrequency;

    private SynchronousQuestions Questionnaire(TokenBucket? throttle, int queueSize = Questions)
    {
        var settings = SettingsLoader.Defaults;
        settings = settings with
        {
            Authorization = settings.Authorization with { Timeout = TimeSpan.FromSeconds(30), AnswerWithin = null },
            Queue = settings.Queue with { MaxSize = queueSize },
        };
        var chain = new GuardedChain(
            AuthorizerChain.Of("acl", _authorizer),
            settings.Authorization,
            Sys.Scheduler,
            _time
        );
        return new SynchronousQuestions(settings, () => chain, throttle, new RecordingObserver(), _time);
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
}
