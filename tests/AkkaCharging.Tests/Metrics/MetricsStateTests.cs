using System.Text;
using AkkaCharging.Metrics;
using AkkaCharging.Requests;
using Microsoft.Extensions.Time.Testing;
using Prometheus;

namespace AkkaCharging.Tests.Metrics;

[Trait("Category", "Unit")]
public sealed class MetricsStateTests
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(60);

    private readonly FakeTimeProvider _time = new();
    private readonly CollectorRegistry _registry = Prometheus.Metrics.NewCustomRegistry();
    private readonly MetricsState _state;

    public MetricsStateTests() => _state = new MetricsState(Window, _time, new(_registry));

    [Fact]
    public void Start_HasEveryNameAndNoEvent()
    {
        var snapshot = _state.ToSnapshot();

        Assert.Empty(snapshot.Requests);
        Assert.Equal(["allowed", "not_allowed", "unknown"], snapshot.Decisions.Keys);
        Assert.Equal(["success", "http_error", "network_error", "timeout", "blocked"], snapshot.Attempts.Keys);
        Assert.Equal(["delivered", "failed", "expired"], snapshot.Settled.Keys);
        Assert.Equal(
            [
                "in_acl",
                "not_in_acl",
                "blocked",
                "expired",
                "station_not_allowed",
                "timeout",
                "circuit_open",
                "authorizer_error",
                "authorized",
                "deadline",
                "no_credit",
                "concurrent_session",
                "no_route",
                "no_location",
            ],
            snapshot.Reasons.Keys
        );
        Assert.All(
            (IReadOnlyDictionary<string, long>[])
                [
                    snapshot.Decisions,
                    snapshot.Attempts,
                    snapshot.Settled,
                    snapshot.Reasons,
                    snapshot.BreakerTransitions,
                ],
            counts => Assert.All(counts.Values, count => Assert.Equal(0, count))
        );
        Assert.Equal(
            (0, 0, 0, 0),
            (
                snapshot.Authorization.ErrorRate,
                snapshot.Callbacks.ErrorRate,
                snapshot.AuthorizationTimeAverageMillis,
                snapshot.AuthorizationTimeP95Millis
            )
        );
    }

    [Fact]
    public void Events_AreCountedByName()
    {
        Apply(3, new SubmissionAnswered(AnswerStatus.Accepted, TimeSpan.Zero));
        Apply(2, new SubmissionAnswered(AnswerStatus.QueueFull, TimeSpan.Zero));
        Apply(4, Decided(AuthorizationStatus.Allowed, DecisionReason.InAcl));
        Apply(1, Decided(AuthorizationStatus.Unknown, DecisionReason.CircuitOpen));
        Apply(5, new CallbackAttempted(CallbackOutcome.Success, TimeSpan.Zero));
        Apply(2, new CallbackAttempted(CallbackOutcome.Blocked, TimeSpan.Zero, Cause: AttemptCause.AddressRefused));
        Apply(3, new CallbackAttempted(CallbackOutcome.Timeout, TimeSpan.Zero, IsRedriven: true));
        Apply(6, new RequestSettled(RequestState.Delivered, TimeSpan.Zero));
        Apply(1, new RequestSettled(RequestState.Expired, TimeSpan.Zero));
        Apply(2, new BreakerMoved(BreakerState.Open));

        var snapshot = _state.ToSnapshot();

        Assert.Equal([("accepted", 3), ("queue_full", 2)], snapshot.Requests.Select(count => (count.Key, count.Value)));
        Assert.Equal(
            (4, 0, 1),
            (snapshot.Decisions["allowed"], snapshot.Decisions["not_allowed"], snapshot.Decisions["unknown"])
        );
        Assert.Equal((4, 1), (snapshot.Reasons["in_acl"], snapshot.Reasons["circuit_open"]));
        Assert.Equal(
            (5, 2, 3),
            (snapshot.Attempts["success"], snapshot.Attempts["blocked"], snapshot.Attempts["timeout"])
        );
        Assert.Equal(
            (2, 0, Enum.GetValues<AttemptCause>().Length),
            (
                snapshot.AttemptFailures["address_refused"],
                snapshot.AttemptFailures["tls"],
                snapshot.AttemptFailures.Count
            )
        );
        Assert.Equal(
            (6, 0, 1),
            (snapshot.Settled["delivered"], snapshot.Settled["failed"], snapshot.Settled["expired"])
        );
        Assert.Equal(2, snapshot.BreakerTransitions[BreakerState.Open.Name()]);
        Assert.Equal(new RateWindow(5, 1), snapshot.Authorization);
        Assert.Equal(new RateWindow(7, 2), snapshot.Callbacks); // without those of redriven requests
        Assert.Equal(0.2, snapshot.Authorization.ErrorRate, 9);
    }

    [Fact]
    public async Task Times_AreInTheHistograms_WithoutWhatSaysNothingAboutTheService()
    {
        Apply(2, new SubmissionAnswered(AnswerStatus.Accepted, TimeSpan.FromMilliseconds(2)));
        Apply(1, new SubmissionAnswered(AnswerStatus.RequestTimeout, TimeSpan.FromSeconds(10)));
        Apply(
            3,
            new DecisionMade(
                AuthorizationStatus.Allowed,
                DecisionReason.InAcl,
                TimeSpan.FromSeconds(1),
                TimeSpan.FromSeconds(2)
            )
        );
        Apply(4, new CallbackAttempted(CallbackOutcome.Timeout, TimeSpan.FromSeconds(10)));
        Apply(5, new RequestSettled(RequestState.Delivered, TimeSpan.FromSeconds(4)));
        Apply(1, new RequestSettled(RequestState.Delivered, TimeSpan.FromDays(1), IsRedriven: true));
        Apply(6, new JournalCommitted(TimeSpan.FromMilliseconds(3), Writes: 20));

        using var written = new MemoryStream();
        await _registry.CollectAndExportAsTextAsync(written);
        var lines = Encoding.UTF8.GetString(written.ToArray()).Split('\n');

        Assert.Equal([2, 3, 3, 4, 5], Counts("akkacharging_stage_duration_seconds_count{"));
        Assert.Equal([0.004, 3, 6, 40, 20], Counts("akkacharging_stage_duration_seconds_sum{"));
        Assert.Equal(
            [0, 2],
            Counts("akkacharging_stage_duration_seconds_bucket{stage=\"accept\",le=\"0.001\"}")
                .Concat(Counts("akkacharging_stage_duration_seconds_bucket{stage=\"accept\",le=\"0.0025\"}"))
        );
        Assert.Equal(
            [6, 120],
            Counts("akkacharging_journal_commit_duration_seconds_count")
                .Concat(Counts("akkacharging_journal_batch_writes_sum"))
        );

        IEnumerable<double> Counts(string series) =>
            lines
                .Where(line => line.StartsWith(series, StringComparison.Ordinal))
                .Select(line => double.Parse(line.Split(' ')[1]));
    }

    [Fact]
    public void Snapshot_StaysAsItWas()
    {
        Apply(1, new SubmissionAnswered(AnswerStatus.Accepted, TimeSpan.Zero));
        var snapshot = _state.ToSnapshot();

        Apply(1, new SubmissionAnswered(AnswerStatus.Accepted, TimeSpan.Zero));

        Assert.Equal(1, snapshot.Requests["accepted"]);
    }

    [Fact]
    public void Failures_LeaveTheRates_AfterOneWindow_AndNotMuchBefore()
    {
        Apply(10, new CallbackAttempted(CallbackOutcome.Timeout, TimeSpan.Zero));
        Apply(10, Decided(AuthorizationStatus.Unknown, DecisionReason.Timeout, millis: 100));

        _time.Advance(Window * 11 / 12 - TimeSpan.FromMilliseconds(1));
        Assert.Equal((1, 1), (_state.ToSnapshot().Callbacks.ErrorRate, _state.ToSnapshot().Authorization.ErrorRate));
        _time.Advance(Window / 12 + TimeSpan.FromMilliseconds(1));

        var snapshot = _state.ToSnapshot();
        Assert.Equal((new RateWindow(0, 0), new RateWindow(0, 0)), (snapshot.Callbacks, snapshot.Authorization));
        Assert.Equal((0, 0), (snapshot.AuthorizationTimeAverageMillis, snapshot.AuthorizationTimeP95Millis));
        Assert.Equal((10, 10), (snapshot.Attempts["timeout"], snapshot.Decisions["unknown"]));
    }

    [Fact]
    public void Rates_AreThoseOfTheWindow_WhileItSlides()
    {
        // One failure a second for two minutes, then successes: the rate falls as the failures leave.
        for (var second = 0; second < 120; second++, _time.Advance(TimeSpan.FromSeconds(1)))
            Apply(1, new CallbackAttempted(CallbackOutcome.HttpError, TimeSpan.Zero));
        Assert.InRange(_state.ToSnapshot().Callbacks.Total, 55, 60);

        var rates = new List<double>();
        for (var second = 0; second < 70; second++, _time.Advance(TimeSpan.FromSeconds(1)))
        {
            Apply(1, new CallbackAttempted(CallbackOutcome.Success, TimeSpan.Zero));
            rates.Add(_state.ToSnapshot().Callbacks.ErrorRate);
        }

        Assert.InRange(rates[0], 0.95, 1);
        Assert.InRange(rates[30], 0.4, 0.6);
        Assert.Equal(0, rates[60]);
    }

    [Fact]
    public void AverageAndP95_AreThoseOfTheData()
    {
        foreach (var millis in Enumerable.Range(1, 1_000))
            Apply(1, Decided(AuthorizationStatus.Allowed, DecisionReason.InAcl, millis));

        var snapshot = _state.ToSnapshot();

        Assert.InRange(snapshot.AuthorizationTimeAverageMillis, 500.5 * 0.99, 500.5 * 1.01);
        Assert.InRange(snapshot.AuthorizationTimeP95Millis, 950 * 0.99, 950 * 1.01);
    }

    [Fact]
    public void DurationsBeyondTheScale_AreCountedAtItsEnds()
    {
        Apply(1, new DecisionMade(AuthorizationStatus.Allowed, DecisionReason.InAcl, TimeSpan.Zero, TimeSpan.Zero));
        Assert.InRange(_state.ToSnapshot().AuthorizationTimeP95Millis, 0.001, 0.002);

        Apply(
            99,
            new DecisionMade(AuthorizationStatus.Allowed, DecisionReason.InAcl, TimeSpan.Zero, TimeSpan.FromDays(1))
        );
        Assert.InRange(_state.ToSnapshot().AuthorizationTimeP95Millis, 3_600_000 * 0.99, 3_600_000 * 1.01);
    }

    private static DecisionMade Decided(AuthorizationStatus status, DecisionReason reason, int millis = 1) =>
        new(status, reason, TimeSpan.Zero, TimeSpan.FromMilliseconds(millis));

    private void Apply(int times, MetricsEvent happened)
    {
        for (var i = 0; i < times; i++)
            _state.Apply(happened);
    }
}
