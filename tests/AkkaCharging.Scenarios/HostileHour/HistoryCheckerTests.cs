using AkkaCharging.ReceiverProcesses;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>What <see cref="HistoryChecker"/> finds in a history with one fault, and in one without.</summary>
[Trait("Category", "Unit")]
public sealed class HistoryCheckerTests
{
    private const long Noon = 1_795_176_000_000;
    private static readonly string[] Any = ["allowed", "not_allowed", "unknown"];
    private static readonly ShownAttempt Failure = new(500, "http_error");
    private static readonly ShownAttempt Success = new(204, "success");

    private static readonly Dictionary<string, (Violation Expected, Func<History, History> Plant)> Faults = new(
        StringComparer.Ordinal
    )
    {
        ["a row dropped after its 200"] = (Violation.RequestLost, history => Drop(history, "accepted")),
        ["a row dropped after its callback, the answer lost"] = (
            Violation.RequestLost,
            history => Drop(history, "answer-lost")
        ),
        ["a row that the status page does not find"] = (
            Violation.RequestLost,
            history => history with { Pages = [.. history.Pages.Where(page => page.RequestId != "accepted")] }
        ),
        ["a 200 that was never stored"] = (
            Violation.RequestLost,
            history => history with { Submissions = [.. history.Submissions, Accepted(90, "never-stored")] }
        ),
        ["a request that stays queued"] = (
            Violation.NotSettled,
            history => Change(history, "expired", row => row with { State = "queued" })
        ),
        ["a request that stays decided"] = (
            Violation.NotSettled,
            history => Change(history, "accepted", row => row with { State = "decided" })
        ),
        ["a state that differs between page and audit"] = (
            Violation.StateDiffers,
            history => ChangePage(history, "accepted", page => page with { State = "failed" })
        ),
        ["a final state that was left"] = (
            Violation.StateDiffers,
            history => Saw(history, Shown("rejected", "delivered", Denied))
        ),
        ["a decided request that was queued again"] = (
            Violation.StateDiffers,
            history =>
                Saw(Saw(history, Shown("accepted", "decided", Allowed)), Shown("accepted", "queued", decision: null))
        ),
        ["a second decision that was called back"] = (
            Violation.SecondDecision,
            history => CallBack(history, new("accepted", "/ok/1", "not_allowed", Noon, 9, 204))
        ),
        ["the same decision made again later"] = (
            Violation.SecondDecision,
            history => CallBack(history, new("accepted", "/ok/1", "allowed", Noon + 1, 9, 204))
        ),
        ["a decision written over one that was looked up"] = (
            Violation.SecondDecision,
            history => Saw(history, Shown("accepted", "decided", Allowed with { DecidedAt = Noon - 1 }))
        ),
        ["a decision that differs between callback and journal"] = (
            Violation.DecisionDiffers,
            history => Change(history, "accepted", row => row with { Decision = Denied })
        ),
        ["a decision that differs between page and audit"] = (
            Violation.DecisionDiffers,
            history => ChangePage(history, "rejected", page => page with { Decision = Allowed })
        ),
        ["a reason that differs between page and audit"] = (
            Violation.DecisionDiffers,
            history =>
                ChangePage(history, "rejected", page => page with { Decision = Denied with { Reason = "expired" } })
        ),
        ["a callback of a request that the journal has undecided"] = (
            Violation.DecisionDiffers,
            history => Change(history, "accepted", row => row with { Decision = null })
        ),
        ["a blocked driver allowed"] = (
            Violation.DecisionUnfounded,
            history => Change(history, "rejected", row => row with { Decision = Allowed })
        ),
        ["a yes that the authorizer never gave"] = (
            Violation.DecisionUnfounded,
            history => history with { AuthorizerAnswers = Answers(("failed", "not_allowed")) }
        ),
        ["a submission that became two requests"] = (
            Violation.RequestsMixedUp,
            history => CallBack(Add(history, "again"), new("again", "/ok/1", "allowed", Noon, 9, 204))
        ),
        ["two submissions that became one request"] = (
            Violation.RequestsMixedUp,
            history => history with { Submissions = [.. history.Submissions, Accepted(90, "accepted")] }
        ),
        ["a callback at the receiver of another submission"] = (
            Violation.RequestsMixedUp,
            history => CallBack(history, new("accepted", "/ok/2", "allowed", Noon, 9, 204))
        ),
        ["a callback of a refused submission"] = (
            Violation.CallbackUnasked,
            history => CallBack(Add(history, "refused"), new("refused", "/ok/5", "allowed", Noon, 9, 204))
        ),
        ["a callback of a submission that found nobody"] = (
            Violation.CallbackUnasked,
            history => CallBack(Add(history, "unreached"), new("unreached", "/ok/6", "allowed", Noon, 9, 204))
        ),
        ["a row that nobody submitted"] = (
            Violation.RequestUnasked,
            history => Add(Add(history, "of-a-lost-answer"), "of-nobody")
        ),
        ["a delivery without a callback"] = (
            Violation.DeliveryUnseen,
            history =>
                history with
                {
                    Callbacks = [.. history.Callbacks.Where(callback => callback.WebhookId != "accepted")],
                }
        ),
        ["a delivery that its receiver answered 500"] = (
            Violation.DeliveryUnseen,
            history => history with { Callbacks = [.. history.Callbacks.Where(callback => callback.Answered != 204)] }
        ),
        ["a request given up after one attempt"] = (
            Violation.FailedEarly,
            history => ChangePage(history, "failed", page => page with { Attempts = [Failure] })
        ),
        ["a request that expired within its life"] = (
            Violation.ExpiredEarly,
            history => Change(history, "accepted", row => row with { State = "expired" })
        ),
        ["an acceptance that is not counted"] = (
            Violation.CountDiffers,
            history => Count(history, counts => counts with { Accepted = counts.Accepted - 1 })
        ),
        ["a decision that is counted twice"] = (
            Violation.CountDiffers,
            history =>
                Count(
                    history,
                    counts =>
                        counts with
                        {
                            Decisions = new Dictionary<string, long>(counts.Decisions) { ["allowed"] = 4 },
                        }
                )
        ),
        ["a settlement that is not counted"] = (
            Violation.CountDiffers,
            history =>
                Count(
                    history,
                    counts =>
                        counts with
                        {
                            Settled = new Dictionary<string, long>(counts.Settled) { ["delivered"] = 1 },
                        }
                )
        ),
        ["a place in the queue that is never freed"] = (
            Violation.CountDiffers,
            history => Count(history, counts => counts with { Pending = 1 })
        ),
        ["a dead letter that is not counted"] = (
            Violation.CountDiffers,
            history => Count(history, counts => counts with { DeadLetters = 0 })
        ),
    };

    private static ShownDecision Allowed => new("allowed", "in_acl", Noon);

    private static ShownDecision Denied => new("not_allowed", "blocked", Noon);

    public static TheoryData<string> PlantedFaults => new(Faults.Keys);

    [Fact]
    public void HistoryWithoutAFault_HasNoFinding() => Assert.Empty(HistoryChecker.Check(Kept()));

    [Theory]
    [MemberData(nameof(PlantedFaults))]
    public void PlantedFault_IsFound(string fault)
    {
        var (expected, plant) = Faults[fault];

        var findings = HistoryChecker.Check(plant(Kept()));

        Assert.Contains(findings, finding => finding.Violation == expected);
    }

    [Fact]
    public void EveryViolation_HasAPlantedFault() =>
        Assert.Equal(Enum.GetValues<Violation>(), Faults.Values.Select(fault => fault.Expected).Distinct().Order());

    /// <summary>
    /// The row of a request that was refused because its commit was in doubt may outlive the process that knew so.
    /// </summary>
    [Fact]
    public void CallbackAfterARefusalInDoubt_IsNoFinding_WhereProcessesWereKilled()
    {
        var history = Kept();
        var calledBack = CallBack(
            Count(
                Add(history, "in-doubt"),
                counts =>
                    counts with
                    {
                        Accepted = counts.Accepted + 1,
                        Decisions = new Dictionary<string, long>(counts.Decisions) { ["allowed"] = 4 },
                        Settled = new Dictionary<string, long>(counts.Settled) { ["delivered"] = 3 },
                    }
            ),
            new("in-doubt", "/ok/5", "allowed", Noon, 9, 204)
        );

        Assert.Empty(HistoryChecker.Check(calledBack with { KeepsRefused = true }));
    }

    /// <summary>One request of each kind that a service may leave behind.</summary>
    private static History Kept()
    {
        ShownRequest[] requests =
        [
            Shown("accepted", "delivered", Allowed, Failure, Success),
            Shown("rejected", "failed", Denied, new ShownAttempt(410, "http_error")),
            Shown("failed", "failed", new("allowed", "authorized", Noon), Failure, Failure, Failure, Failure),
            Shown("expired", "expired", decision: null),
            Shown("answer-lost", "delivered", new("unknown", "timeout", Noon), Success),
            Shown("late", "expired", Allowed, Failure),
        ];
        return new(
            Submissions:
            [
                Accepted(1, "accepted"),
                new(2, ["not_allowed"], MayExpire: false, [new(SubmitEnd.Lost), new(SubmitEnd.Accepted, "rejected")]),
                new(3, Any, MayExpire: false, [new(SubmitEnd.Accepted, "failed")]),
                new(4, Any, MayExpire: true, [new(SubmitEnd.Accepted, "expired")]),
                new(5, Any, MayExpire: false, [new(SubmitEnd.Refused, Refusal: "journal_unavailable")]),
                new(6, Any, MayExpire: false, [new(SubmitEnd.Unreached)]),
                new(7, Any, MayExpire: false, [new(SubmitEnd.Lost)]),
                new(8, Any, MayExpire: false, [new(SubmitEnd.Lost)]),
                new(9, Any, MayExpire: true, [new(SubmitEnd.Accepted, "late"), new(SubmitEnd.Accepted, "late")]),
            ],
            Callbacks:
            [
                new("accepted", "/ok/1", "allowed", Noon, 1, 500),
                new("accepted", "/ok/1", "allowed", Noon, 2, 204),
                new("rejected", "/ok/2", "not_allowed", Noon, 3, 410),
                new("answer-lost", "/ok/8", "unknown", Noon, 4, Answered: null),
                new("answer-lost", "/ok/8", "unknown", Noon, 5, 204),
                new("late", "/ok/9", "allowed", Noon, 6, 500),
            ],
            LookUps:
            [
                Shown("accepted", "queued", decision: null),
                Shown("accepted", "decided", Allowed),
                Shown("rejected", "failed", Denied),
            ],
            Pages: requests,
            Audit: [.. requests.Select(page => page with { Attempts = [] })],
            AuthorizerAnswers: Answers(("failed", "not_allowed"), ("failed", "allowed")),
            Counted: new(
                AuditBefore: [Shown("rejected", "failed", Denied), Shown("accepted", "queued", decision: null)],
                ServiceCounts.Zero,
                new(
                    Accepted: 4,
                    new Dictionary<string, long> { ["allowed"] = 3, ["unknown"] = 1 },
                    new Dictionary<string, long>
                    {
                        ["delivered"] = 2,
                        ["failed"] = 1,
                        ["expired"] = 2,
                    },
                    Pending: 0,
                    DeadLetters: 2
                )
            ),
            AttemptsMax: 4,
            KeepsRefused: false
        );
    }

    private static Submission Accepted(int number, string id) =>
        new(number, ["allowed"], MayExpire: false, [new(SubmitEnd.Accepted, id)]);

    private static ShownRequest Shown(
        string id,
        string state,
        ShownDecision? decision,
        params ShownAttempt[] attempts
    ) => new(id, state, decision, attempts);

    private static ILookup<string, string> Answers(params (string Id, string Status)[] answers) =>
        answers.ToLookup(answer => answer.Id, answer => answer.Status, StringComparer.Ordinal);

    private static History Add(History history, string id) =>
        history with
        {
            Pages = [.. history.Pages, Shown(id, "delivered", Allowed, Success)],
            Audit = [.. history.Audit, Shown(id, "delivered", Allowed)],
        };

    private static History Drop(History history, string id) =>
        history with
        {
            Pages = [.. history.Pages.Where(page => page.RequestId != id)],
            Audit = [.. history.Audit.Where(row => row.RequestId != id)],
        };

    private static History Change(History history, string id, Func<ShownRequest, ShownRequest> change) =>
        ChangePage(history, id, change) with
        {
            Audit = [.. history.Audit.Select(row => row.RequestId == id ? change(row) : row)],
        };

    private static History ChangePage(History history, string id, Func<ShownRequest, ShownRequest> change) =>
        history with
        {
            Pages = [.. history.Pages.Select(page => page.RequestId == id ? change(page) : page)],
        };

    private static History Saw(History history, ShownRequest page) =>
        history with
        {
            LookUps = [.. history.LookUps, page],
        };

    private static History CallBack(History history, Arrival callback) =>
        history with
        {
            Callbacks = [.. history.Callbacks, callback],
        };

    private static History Count(History history, Func<ServiceCounts, ServiceCounts> change) =>
        history with
        {
            Counted = history.Counted with { After = change(history.Counted.After) },
        };
}
