using AkkaCharging.ReceiverProcesses;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>A promise that a history shows to be broken.</summary>
internal enum Violation
{
    /// <summary>A request that was answered 200 or called back is not in the journal, or has no status page.</summary>
    RequestLost,

    /// <summary>A request is in no final state.</summary>
    NotSettled,

    /// <summary>Status page and audit show different states, or a state was left that is final.</summary>
    StateDiffers,

    /// <summary>A request was decided twice.</summary>
    SecondDecision,

    /// <summary>Receiver, status page and audit do not show the same decision.</summary>
    DecisionDiffers,

    /// <summary>A decision that no authorizer made.</summary>
    DecisionUnfounded,

    /// <summary>One submission became several requests, or several submissions became one.</summary>
    RequestsMixedUp,

    /// <summary>A submission was called back that nobody accepted.</summary>
    CallbackUnasked,

    /// <summary>The journal has requests that nobody submitted.</summary>
    RequestUnasked,

    /// <summary>A request is delivered, and no receiver accepted its callback.</summary>
    DeliveryUnseen,

    /// <summary>A request failed before its attempts were made.</summary>
    FailedEarly,

    /// <summary>A request expired within its life.</summary>
    ExpiredEarly,

    /// <summary>Metrics and journal do not agree.</summary>
    CountDiffers,
}

/// <summary>A violation and where it was seen.</summary>
internal sealed record Finding(Violation Violation, string Where)
{
    public override string ToString() => $"{Violation}: {Where}";
}

/// <summary>
/// Checks that a history keeps every promise: each 200 has one final state and one decision, which is the same
/// everywhere, and was called back unless the request expired or its attempts failed; and the counts agree.
/// </summary>
internal sealed class HistoryChecker
{
    private static readonly string[] Final = ["delivered", "failed", "expired"];
    private static readonly string[] Order = ["queued", "decided", .. Final];

    private readonly History _history;
    private readonly Dictionary<string, ShownRequest> _pages;
    private readonly Dictionary<string, ShownRequest> _audit;
    private readonly ILookup<string, Arrival> _callbacks;
    private readonly ILookup<string, ShownRequest> _lookUps;
    private readonly Dictionary<int, string[]> _calledBack;

    /// <summary>The submissions of each request, as far as an answer or a callback tells.</summary>
    private readonly ILookup<string, Submission> _submissions;

    private HistoryChecker(History history)
    {
        _history = history;
        _pages = history.Pages.ToDictionary(page => page.RequestId, StringComparer.Ordinal);
        _audit = history.Audit.ToDictionary(row => row.RequestId, StringComparer.Ordinal);
        _callbacks = history.Callbacks.ToLookup(callback => callback.WebhookId, StringComparer.Ordinal);
        _lookUps = history.LookUps.ToLookup(page => page.RequestId, StringComparer.Ordinal);
        _calledBack = history
            .Callbacks.GroupBy(Promises.NumberOf)
            .ToDictionary(
                group => group.Key,
                group => group.Select(callback => callback.WebhookId).Distinct(StringComparer.Ordinal).ToArray()
            );
        _submissions = history
            .Submissions.SelectMany(submission => IdsOf(submission).Select(id => (id, submission)))
            .ToLookup(pair => pair.id, pair => pair.submission, StringComparer.Ordinal);
    }

    /// <summary>
    /// Returns what <paramref name="history"/> shows to be broken; nothing when every promise was kept.
    /// </summary>
    public static IReadOnlyList<Finding> Check(History history)
    {
        var checker = new HistoryChecker(history);
        return
        [
            .. history.Submissions.SelectMany(checker.CheckSubmission),
            .. checker
                ._submissions.Select(group => group.Key)
                .Concat(checker._callbacks.Select(group => group.Key))
                .Union(checker._audit.Keys, StringComparer.Ordinal)
                .SelectMany(checker.CheckKept),
            .. history.Audit.SelectMany(checker.CheckRequest),
            .. checker.CheckUnasked(),
            .. checker.CheckCounts(),
        ];
    }

    private IEnumerable<string> IdsOf(Submission submission) =>
        submission.AcceptedIds.Union(_calledBack.GetValueOrDefault(submission.Number, []), StringComparer.Ordinal);

    private IEnumerable<Finding> CheckSubmission(Submission submission)
    {
        var ids = IdsOf(submission).ToList();
        if (ids.Count > 1)
            yield return new(Violation.RequestsMixedUp, $"submission {submission.Number} is {string.Join(", ", ids)}");
        if (!MayBeStored(submission) && _calledBack.TryGetValue(submission.Number, out var called))
            yield return new(
                Violation.CallbackUnasked,
                $"submission {submission.Number}, {submission.Attempts[^1]}, was called back as {called[0]}"
            );
    }

    /// <summary>Checks that a request that anybody knows of is there, for its caller and for operators.</summary>
    private IEnumerable<Finding> CheckKept(string id)
    {
        if (!_pages.ContainsKey(id))
            yield return new(Violation.RequestLost, $"{id} has no status page");
        if (!_audit.ContainsKey(id))
            yield return new(Violation.RequestLost, $"{id} is not in the audit");
        if (_submissions[id].Skip(1).Any())
            yield return new(
                Violation.RequestsMixedUp,
                $"{id} belongs to submissions {string.Join(", ", _submissions[id].Select(one => one.Number))}"
            );
    }

    private IEnumerable<Finding> CheckRequest(ShownRequest row) =>
        CheckState(row).Concat(CheckDecision(row)).Concat(CheckOutcome(row));

    private IEnumerable<Finding> CheckState(ShownRequest row)
    {
        if (!Final.Contains(row.State))
            yield return new(Violation.NotSettled, $"{row.RequestId} is {row.State}");
        if (_pages.TryGetValue(row.RequestId, out var page) && page.State != row.State)
            yield return new(Violation.StateDiffers, $"{row.RequestId} is {row.State} in the audit, else {page.State}");

        var last = "queued";
        foreach (var state in _lookUps[row.RequestId].Select(seen => seen.State).Append(row.State))
        {
            if (state != last && (Final.Contains(last) || Array.IndexOf(Order, state) < Array.IndexOf(Order, last)))
                yield return new(Violation.StateDiffers, $"{row.RequestId} was {last} and then {state}");
            last = state;
        }
    }

    private IEnumerable<Finding> CheckDecision(ShownRequest row)
    {
        var id = row.RequestId;
        var told = _callbacks[id].Select(callback => (callback.Status, callback.Timestamp)).Distinct().ToList();
        if (told.Count > 1)
            yield return new(Violation.SecondDecision, $"{id} was called back with {string.Join(" and ", told)}");
        if (_lookUps[id].Select(seen => seen.Decision).OfType<ShownDecision>().FirstOrDefault(Differs) is { } earlier)
            yield return new(Violation.SecondDecision, $"{id} was {earlier} and then {row.Decision}");
        foreach (var (status, timestamp) in told)
        {
            if (row.Decision is null || (row.Decision.Status, row.Decision.DecidedAt) != (status, timestamp))
                yield return new(
                    Violation.DecisionDiffers,
                    $"{id} was called back with {status} of {timestamp}; the audit has {row.Decision}"
                );
        }

        if (_pages.TryGetValue(id, out var page) && page.Decision != row.Decision)
            yield return new(Violation.DecisionDiffers, $"{id}: {page.Decision}; the audit has {row.Decision}");
        if (row.Decision is { } decision && !IsFounded(id, decision))
            yield return new(Violation.DecisionUnfounded, $"{id} was decided {decision}");

        bool Differs(ShownDecision seen) => seen != row.Decision;
    }

    /// <summary>Whether somebody decided so: the access list, or the authorizer that is asked after it.</summary>
    private bool IsFounded(string id, ShownDecision decision)
    {
        if (_submissions[id].Any(submission => !submission.Permitted.Contains(decision.Status)))
            return false;
        return decision.Reason is not ("authorized" or "not_in_acl")
            || _history.AuthorizerAnswers is null
            || _history.AuthorizerAnswers[id].Contains(decision.Status);
    }

    private IEnumerable<Finding> CheckOutcome(ShownRequest row)
    {
        var id = row.RequestId;
        switch (row.State)
        {
            case "delivered" when !_callbacks[id].Any(callback => callback.Answered is >= 200 and < 300):
                yield return new(Violation.DeliveryUnseen, $"{id} is delivered and no receiver accepted it");
                break;
            case "failed" when _pages.TryGetValue(id, out var page) && !HasMadeItsAttempts(page):
                yield return new(Violation.FailedEarly, $"{id} failed after {string.Join(", ", page.Attempts)}");
                break;
            case "expired" when _submissions[id].Any(submission => !submission.MayExpire):
                yield return new(Violation.ExpiredEarly, $"{id} expired and had time");
                break;
        }
    }

    /// <summary>Whether all attempts were made, or the last one was rejected for good.</summary>
    private bool HasMadeItsAttempts(ShownRequest page) =>
        page.Attempts.Count >= _history.AttemptsMax
        || page.Attempts is [.., { HttpStatus: < 500 and not (408 or 425 or 429) }];

    /// <summary>A request without an answer and without a callback may be in the journal all the same.</summary>
    private IEnumerable<Finding> CheckUnasked()
    {
        var unknown = _history.Audit.Count(row => !_submissions.Contains(row.RequestId));
        var open = _history.Submissions.Count(one => MayBeStored(one) && !IdsOf(one).Any());
        if (unknown > open)
            yield return new(
                Violation.RequestUnasked,
                $"{unknown} requests have no submission, and {open} submissions have no request"
            );
    }

    private bool MayBeStored(Submission submission) =>
        submission.Attempts.Any(attempt =>
            attempt.End is SubmitEnd.Accepted or SubmitEnd.Lost
            || (_history.KeepsRefused && attempt.Refusal == "journal_unavailable")
        );

    private IEnumerable<Finding> CheckCounts()
    {
        var (auditBefore, before, after) = _history.Counted;
        var earlier = auditBefore.ToDictionary(row => row.RequestId, StringComparer.Ordinal);
        var added = _history.Audit.Where(row => !earlier.ContainsKey(row.RequestId));
        var decided = _history.Audit.Where(row =>
            row.Decision is not null && earlier.GetValueOrDefault(row.RequestId)?.Decision is null
        );
        var settled = _history.Audit.Where(row =>
            Final.Contains(row.State) && !Final.Contains(earlier.GetValueOrDefault(row.RequestId)?.State)
        );
        var dead = _history.Audit.Count(row => row.State == "failed");
        (string Name, long? Counted, long InJournal)[] all =
        [
            ("accepted", after.Accepted - before.Accepted, added.LongCount()),
            .. from status in (string[])["allowed", "not_allowed", "unknown"]
            select (
                status,
                (long?)(after.Decisions.GetValueOrDefault(status) - before.Decisions.GetValueOrDefault(status)),
                decided.LongCount(row => row.Decision!.Status == status)
            ),
            .. from state in Final
            select (
                state,
                (long?)(after.Settled.GetValueOrDefault(state) - before.Settled.GetValueOrDefault(state)),
                settled.LongCount(row => row.State == state)
            ),
            ("pending", after.Pending, _history.Audit.LongCount(row => !Final.Contains(row.State))),
            ("dead letters", after.DeadLetters ?? dead, dead),
        ];
        return all.Where(count => count.Counted != count.InJournal)
            .Select(count => new Finding(
                Violation.CountDiffers,
                $"metrics count {count.Counted} {count.Name}, the journal has {count.InJournal}"
            ));
    }
}
