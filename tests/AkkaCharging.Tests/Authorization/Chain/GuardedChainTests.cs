using System.Collections.Concurrent;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Pipeline;
using AkkaCharging.Timing;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Authorization.Chain;

[Trait("Category", "Component")]
public sealed class GuardedChainTests()
    : Akka.TestKit.Xunit2.TestKit("akka.scheduler.implementation = \"Akka.TestKit.TestScheduler, Akka.TestKit\"")
{
    private readonly FakeTimeProvider _time = new(Queries.Now);
    private readonly ScriptedAuthorizer _first = new();
    private readonly ScriptedAuthorizer _second = new();
    private readonly ConcurrentQueue<(string Partner, BreakerState State)> _transitions = new();
    private readonly ConcurrentQueue<string> _errors = new();

    public static TheoryData<string, string, bool, string> Walks =>
        new()
        {
            // first's answer, second's answer, chainOnUnavailable = next, decision
            { "authorized", "blocked", false, "authorized" },
            { "not_in_acl", "authorized", false, "authorized" },
            { "not_in_acl", "not_in_acl", false, "not_in_acl" },
            { "blocked", "authorized", true, "blocked" },
            { "expired", "authorized", true, "expired" },
            { "station_not_allowed", "authorized", true, "station_not_allowed" },
            { "no_credit", "authorized", true, "no_credit" },
            { "concurrent_session", "authorized", true, "concurrent_session" },
            { "authorizer_error", "authorized", false, "authorizer_error" },
            { "authorizer_error", "authorized", true, "authorized" },
            { "authorizer_error", "blocked", true, "blocked" },
            // the first might have known it
            { "authorizer_error", "not_in_acl", true, "authorizer_error" },
            { "not_in_acl", "authorizer_error", true, "authorizer_error" },
            // having no partner to ask is not an outage
            { "no_route", "authorized", false, "authorized" },
            { "no_route", "not_in_acl", false, "not_in_acl" },
            { "not_in_acl", "no_route", false, "not_in_acl" },
            { "no_route", "no_route", true, "no_route" },
            { "no_location", "authorized", false, "no_location" },
            { "no_location", "authorized", true, "authorized" },
            // of two that gave no answer, the first
            { "no_location", "authorizer_error", true, "no_location" },
            { "authorizer_error", "no_location", true, "authorizer_error" },
            // a token that no partner of the first can have issued
            { "unissued", "authorized", false, "authorized" },
            { "unissued", "no_route", false, "not_in_acl" },
        };

    [Theory]
    [MemberData(nameof(Walks))]
    public async Task FirstLinkThatKnowsTheToken_Decides(string first, string second, bool goesOn, string expected)
    {
        var chain = Chain(goesOn, Link("first", _first, first), Link("second", _second, second));

        var decision = await DecideAsync(chain);

        Assert.Equal(expected, decision.Reason.Name());
    }

    [Theory]
    [InlineData("unissued", "NotAllowed")]
    [InlineData("no_route", "Unknown")]
    [InlineData("no_location", "Unknown")]
    public async Task QuestionWithoutAPartner_IsDecidedWithoutOne(string why, string status) =>
        Assert.Equal(status, $"{(await DecideAsync(Chain(goesOn: true, Link("first", _first, why)))).Status}");

    [Fact]
    public async Task LinkAfterTheDeciding_IsNotAsked()
    {
        var chain = Chain(goesOn: true, Link("first", _first, "blocked"), Link("second", _second, "authorized"));

        await DecideAsync(chain);

        Assert.Equal((1, 0), (_first.Calls, _second.Calls));
    }

    [Fact]
    public async Task Deadline_IsSharedByAllLinks()
    {
        _first.HangsAlways();
        var chain = Chain(goesOn: true, Link("first", _first), Link("second", _second, "authorized"));
        var decision = DecideAsync(chain, TimeSpan.FromSeconds(3));

        _time.Advance(TimeSpan.FromSeconds(3));

        Assert.Equal(DecisionReason.Deadline, (await decision).Reason);
        Assert.Equal(0, _second.Calls);
    }

    [Fact]
    public async Task BreakerOfOnePartner_LeavesTheOthersAlone()
    {
        _first.FailsAlways();
        var chain = Chain(goesOn: true, Link("first", _first), Link("second", _second, "authorized"));

        for (var i = 0; i < 7; i++)
            Assert.Equal(DecisionReason.Authorized, (await DecideAsync(chain)).Reason);

        Assert.Equal((5, 7), (_first.Calls, _second.Calls));
        await Eventually.HoldsAsync(
            () => _transitions.SequenceEqual([("first", BreakerState.Open)]),
            "the first breaker is open"
        );
        Assert.Equal(5, _errors.Count(partner => partner == "first"));
        Assert.Equal(BreakerState.Open, chain.State);
        Assert.Equal(
            [new("first", BreakerState.Open, 0, null), new PartnerStatus("second", BreakerState.Closed, 0, null)],
            chain.Partners
        );
    }

    /// <summary>All questions to a partner that hangs wait, and none to another.</summary>
    [Fact]
    public async Task PartnerThatHangs_HoldsUpNoOther()
    {
        _first.HangsAlways();
        var link = new BothOfOneLink(_first, _second);
        var chain = Chain(goesOn: false, link);
        var waiting = Enumerable.Range(0, 500).Select(_ => DecideAsync(chain, TimeSpan.FromSeconds(3))).ToList();

        link.AsksSecond = true;
        for (var i = 0; i < 500; i++)
            Assert.Equal(DecisionReason.InAcl, (await DecideAsync(chain, TimeSpan.FromSeconds(3))).Reason);

        Assert.Equal(4, _first.Calls); // its parallelism
        Assert.DoesNotContain(waiting, decision => decision.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.All(await Task.WhenAll(waiting), decision => Assert.Equal(DecisionReason.Deadline, decision.Reason));
    }

    [Fact]
    public async Task QuestionWithoutADeadline_WaitsForItsTurn()
    {
        var gate = new TaskCompletionSource();
        _first.Always(
            async (_, _) =>
            {
                await gate.Task;
                return AuthorizerAnswer.Allow();
            }
        );
        var chain = Chain(goesOn: false, new BothOfOneLink(_first, _second));
        var decisions = Enumerable.Range(0, 5).Select(_ => DecideAsync(chain)).ToList();
        Assert.Equal(4, _first.Calls); // its parallelism

        gate.SetResult();

        Assert.All(await Task.WhenAll(decisions), decision => Assert.Equal(DecisionReason.Authorized, decision.Reason));
        Assert.Equal(5, _first.Calls);
    }

    [Fact]
    public async Task QuestionWhoseDeadlineHasPassed_WaitsForNoTurn()
    {
        _first.HangsAlways();
        var chain = Chain(goesOn: false, new BothOfOneLink(_first, _second));
        _ = Enumerable.Range(0, 4).Select(_ => DecideAsync(chain)).ToList();

        Assert.Equal(DecisionReason.Deadline, (await DecideAsync(chain, TimeSpan.Zero)).Reason);
        Assert.Equal(4, _first.Calls);
    }

    /// <summary>It is neither decided nor an answer of the partner, who was not asked about it.</summary>
    [Fact]
    public async Task QuestionWhoseRequestExpiresBeforeItsTurn_IsNoAnswerOfItsPartner()
    {
        _first.HangsAlways();
        var chain = Chain(goesOn: true, new BothOfOneLink(_first, _second), Link("third", _second, "authorized"));
        _ = Enumerable.Range(0, 4).Select(_ => DecideAsync(chain)).ToList();
        var expiry = _time.After(_time.GetTimestamp(), TimeSpan.FromSeconds(3));
        var expiring = chain.DecideUnlessExpiredAsync(Queries.Some(), long.MaxValue, expiry, CancellationToken.None);
        var waiting = chain.DecideAsync(Queries.Some(), long.MaxValue, expiry, CancellationToken.None);

        _time.Advance(TimeSpan.FromSeconds(3));

        Assert.Null(await expiring);
        Assert.Equal((AuthorizationStatus.Unknown, DecisionReason.Deadline), Of(await waiting));
        Assert.DoesNotContain(chain.Answers, answer => answer.Count > 0);
        Assert.Equal((4, 0), (_first.Calls, _second.Calls));

        static (AuthorizationStatus, DecisionReason) Of(Decision decision) => (decision.Status, decision.Reason);
    }

    [Fact]
    public async Task CallsInProgress_AreThoseToAllPartners()
    {
        _first.HangsAlways();
        _second.HangsAlways();
        var link = new BothOfOneLink(_first, _second);
        var chain = Chain(goesOn: false, link);
        Assert.Equal(0, chain.InFlight);

        _ = Enumerable.Range(0, 2).Select(_ => DecideAsync(chain)).ToList();
        link.AsksSecond = true;
        _ = DecideAsync(chain);

        await Eventually.HoldsAsync(() => (_first.Calls, _second.Calls) == (2, 1), "all are asked");
        Assert.Equal(3, chain.InFlight);
    }

    [Fact]
    public async Task AnswersOfEachPartner_AreCountedByReason()
    {
        var chain = Chain(goesOn: true, Link("first", _first, "not_in_acl"), Link("second", _second, "blocked"));
        await DecideAsync(chain);
        await DecideAsync(chain);
        _first.FailsAlways();
        await DecideAsync(chain);

        Assert.Equal(
            [
                new("first", DecisionReason.NotInAcl, 2),
                new("first", DecisionReason.AuthorizerError, 1),
                new PartnerAnswers("second", DecisionReason.Blocked, 3),
            ],
            chain
                .Answers.Where(answer => answer.Count > 0)
                .OrderBy(answer => answer.Name)
                .ThenByDescending(answer => answer.Count)
        );
    }

    [Fact]
    public void Deadline_IsThatOfTheSetting_OrTheEndOfTheRequest()
    {
        var link = Link("first", _first, "authorized");
        var within = new GuardedChain(
            new AuthorizerChain([link]),
            Queries.Settings() with
            {
                AnswerWithin = TimeSpan.FromSeconds(3),
            },
            Sys.Scheduler,
            _time
        );
        var now = _time.GetTimestamp();

        Assert.Equal(_time.After(now, TimeSpan.FromSeconds(3)), within.DeadlineOf(now, long.MaxValue));
        Assert.Equal(now + 1, within.DeadlineOf(now, now + 1));
        Assert.Equal(long.MaxValue, Chain(goesOn: false, link).DeadlineOf(now, now + 1));
    }

    private static IAuthorizerLink Link(string name, ScriptedAuthorizer authorizer, string? answers = null)
    {
        if (answers is "no_route" or "no_location" or "unissued")
            return new Nobody(Sample.Reason(answers == "unissued" ? "not_in_acl" : answers));

        if (answers is not null)
            authorizer.Always((_, _) => ValueTask.FromResult(Answer(answers)));
        return new SinglePartner(new Partner(name, authorizer));
    }

    private static AuthorizerAnswer Answer(string reason) =>
        reason switch
        {
            "authorized" => AuthorizerAnswer.Allow(),
            "not_in_acl" => AuthorizerAnswer.Deny(DenialReason.UnknownToken),
            "blocked" => AuthorizerAnswer.Deny(DenialReason.Blocked),
            "expired" => AuthorizerAnswer.Deny(DenialReason.Expired),
            "station_not_allowed" => AuthorizerAnswer.Deny(DenialReason.StationNotAllowed),
            "no_credit" => AuthorizerAnswer.Deny(DenialReason.NoCredit),
            "concurrent_session" => AuthorizerAnswer.Deny(DenialReason.ConcurrentSession),
            _ => AuthorizerAnswer.NoAnswer("it failed"),
        };

    private GuardedChain Chain(bool goesOn, params IAuthorizerLink[] links) =>
        new(
            new AuthorizerChain(links),
            Queries.Settings() with
            {
                ChainOnUnavailable = goesOn ? ChainStep.Next : ChainStep.Stop,
            },
            Sys.Scheduler,
            _time,
            (partner, state) => _transitions.Enqueue((partner, state)),
            (partner, _, _) => _errors.Enqueue(partner)
        );

    private Task<Decision> DecideAsync(GuardedChain chain, TimeSpan? within = null) =>
        chain.DecideAsync(
            Queries.Some(),
            within is { } left ? _time.After(_time.GetTimestamp(), left) : long.MaxValue,
            startBy: long.MaxValue,
            CancellationToken.None
        );

    private sealed class Nobody(DecisionReason reason) : IAuthorizerLink
    {
        public IReadOnlyList<Partner> Partners => [];

        public PartnerRoute Route(AuthorizationQuery query) => PartnerRoute.None(reason);
    }

    private sealed class BothOfOneLink(IAuthorizer first, IAuthorizer second) : IAuthorizerLink
    {
        public bool AsksSecond { get; set; }

        public IReadOnlyList<Partner> Partners { get; } =
        [new("first", first, Parallelism: 4), new("second", second, Parallelism: 4)];

        public PartnerRoute Route(AuthorizationQuery query) => new(Partners[AsksSecond ? 1 : 0]);
    }
}
