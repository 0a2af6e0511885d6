using System.Globalization;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>Sums over the histories of a campaign.</summary>
internal sealed class HostileFigures
{
    private readonly List<Finding> _findings = [];
    private int _rounds;
    private double _minutes;
    private int _kills;
    private int _otherFaults;
    private int _submissions;
    private int _accepted;
    private int _callbacks;
    private int _afterRefusal;

    /// <summary>What was found in all of them.</summary>
    public IReadOnlyList<Finding> Findings => _findings;

    public int Kills => _kills;

    public int Accepted => _accepted;

    public void Add(History history, IReadOnlyList<Finding> findings, TimeSpan took, FaultSchedule faults, int kills)
    {
        _findings.AddRange(findings);
        _rounds++;
        _minutes += took.TotalMinutes;
        _kills += kills;
        _otherFaults += faults.Total - faults.CountOf("SIGKILL") - faults.CountOf("SIGKILL at starts");
        _submissions += history.Submissions.Count;
        _accepted += history.Submissions.Count(submission => submission.AcceptedIds.Any());
        _callbacks += history.Callbacks.Count;
        var called = history.Callbacks.Select(Promises.NumberOf).ToHashSet();
        _afterRefusal += history.Submissions.Count(submission =>
            called.Contains(submission.Number)
            && submission.Attempts.All(attempt => attempt.End is SubmitEnd.Refused or SubmitEnd.Unreached)
        );
    }

    /// <summary>A row of the table of <c>tests/campaign.sh hostile</c>.</summary>
    public string Row(string name) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"| {name} | {_rounds} | {_minutes:N0} | {_kills} | {_otherFaults} | {_submissions} | {_accepted} "
                + $"| {_callbacks} | {Count(Violation.RequestLost)} | {Count(Violation.SecondDecision)} "
                + $"| {Count(Violation.DecisionDiffers)} | {Other} | {_afterRefusal} |"
        );

    private int Other =>
        _findings.Count
        - Count(Violation.RequestLost)
        - Count(Violation.SecondDecision)
        - Count(Violation.DecisionDiffers);

    private int Count(Violation violation) => _findings.Count(finding => finding.Violation == violation);
}
