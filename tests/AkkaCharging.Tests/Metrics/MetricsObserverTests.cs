using System.Collections.Concurrent;
using AkkaCharging.Authorization;
using AkkaCharging.Journal.Memory;
using AkkaCharging.Metrics;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Metrics;

[Trait("Category", "Unit")]
public sealed class MetricsObserverTests : IMetricsSink, ILogger<MetricsObserver>
{
    private readonly ConcurrentQueue<MetricsEvent> _events = new();
    private readonly ConcurrentQueue<(LogLevel Level, int Event, string Text)> _lines = new();
    private readonly MemoryJournal _journal;
    private readonly MetricsObserver _observer;

    public MetricsObserverTests()
    {
        _journal = new MemoryJournal(SettingsLoader.Defaults.Journal, new FakeTimeProvider(Sample.Now));
        _observer = new MetricsObserver(this, _journal, this);
    }

    [Fact]
    public void Decision_IsCounted_AndIsOneAuditLine()
    {
        var request = Sample.Request();

        _observer.Decided(request, Sample.Decision(), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2));

        Assert.Equal(
            new DecisionMade(
                AuthorizationStatus.Allowed,
                DecisionReason.InAcl,
                TimeSpan.FromSeconds(1),
                TimeSpan.FromSeconds(2)
            ),
            Assert.Single(_events)
        );
        var (level, number, text) = Assert.Single(_lines);
        Assert.Equal((LogLevel.Information, 1001), (level, number));
        foreach (
            var part in (string[])
                [
                    request.Id.ToString(),
                    "allowed",
                    "in_acl",
                    request.Station.Text,
                    "cana***",
                    Fingerprint(request),
                    $"[AcceptedAt, {request.AcceptedAt}]",
                    $"[DecidedAt, {Sample.Decision().DecidedAt}]",
                ]
        )
            Assert.Contains(part, text, StringComparison.Ordinal);
    }

    [Fact]
    public void FailedAttempt_IsLogged_ASuccessfulOneIsCountedAlone()
    {
        _observer.Attempted(
            Sample.Request(),
            Sample.Attempt(CallbackOutcome.Success, System.Net.HttpStatusCode.OK),
            isRedriven: false
        );
        Assert.Empty(_lines);
        _observer.Attempted(
            Sample.Request(),
            Sample.Attempt(CallbackOutcome.HttpError, System.Net.HttpStatusCode.BadGateway) with
            {
                Cause = AttemptCause.HttpStatus,
            },
            isRedriven: false
        );

        Assert.Equal(
            [CallbackOutcome.Success, CallbackOutcome.HttpError],
            _events.Cast<CallbackAttempted>().Select(attempt => attempt.Outcome)
        );
        Assert.Contains(
            "http://127.0.0.1:8080 failed: http_error, HTTP status 502, cause http_status",
            Assert.Single(_lines).Text,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void RedrivenRequest_IsMarkedInTheEvents()
    {
        _observer.Attempted(Sample.Request(), Sample.Attempt(), isRedriven: true);
        _observer.Settled(
            Sample.Request(),
            new(RequestState.Failed, Sample.Now, LastAttempt: null),
            TimeSpan.FromSeconds(1),
            isRedriven: true
        );

        Assert.Equal(
            [true, true],
            [
                _events.OfType<CallbackAttempted>().Single().IsRedriven,
                _events.OfType<RequestSettled>().Single().IsRedriven,
            ]
        );
    }

    [Theory]
    [InlineData(RequestState.Delivered, LogLevel.Debug)]
    [InlineData(RequestState.Failed, LogLevel.Warning)]
    [InlineData(RequestState.Expired, LogLevel.Warning)]
    public void Settlement_IsCountedFromAcceptanceOn(object state, LogLevel level)
    {
        var request = Sample.Request();

        _observer.Settled(
            request,
            new((RequestState)state, Sample.Now, LastAttempt: null),
            TimeSpan.FromSeconds(3),
            isRedriven: false
        );

        Assert.Equal(new RequestSettled((RequestState)state, TimeSpan.FromSeconds(3)), Assert.Single(_events));
        Assert.Equal(level, Assert.Single(_lines).Level);
    }

    [Fact]
    public void BreakerAndAuthorizerFailures_AreLogged()
    {
        _observer.BreakerMoved("acl", BreakerState.Open);
        _observer.AuthorizerFailed(
            "acl",
            RequestId.New(Sample.Now),
            new AuthorizerUnavailableException("status 500", isTransient: true)
        );

        Assert.Equal(new BreakerMoved(BreakerState.Open), Assert.Single(_events));
        Assert.Equal([1005, 1006], _lines.Select(line => line.Event));
        Assert.Contains("AuthorizerUnavailableException: status 500", _lines.Last().Text, StringComparison.Ordinal);
    }

    [Fact]
    public void NoLine_HoldsTheTokenOrThePathOfTheCallback()
    {
        var request = Sample.Request("http://127.0.0.1:8080/secret-path?key=secret");

        _observer.Decided(request, Sample.Decision(), TimeSpan.Zero, TimeSpan.Zero);
        foreach (var outcome in Enum.GetValues<CallbackOutcome>())
            _observer.Attempted(request, Sample.Attempt(outcome), isRedriven: false);
        foreach (var state in (RequestState[])[RequestState.Delivered, RequestState.Failed, RequestState.Expired])
            _observer.Settled(request, new(state, Sample.Now, Sample.Attempt()), TimeSpan.Zero, isRedriven: false);

        Assert.Equal(8, _lines.Count);
        Assert.All(
            _lines,
            line =>
            {
                Assert.DoesNotContain("canary", line.Text, StringComparison.OrdinalIgnoreCase);
                Assert.DoesNotContain("secret", line.Text, StringComparison.OrdinalIgnoreCase);
            }
        );
    }

    private string Fingerprint(ChargingRequest request) =>
        Convert.ToHexStringLower(_journal.Hasher.Fingerprint(request.Token));

    void IMetricsSink.Tell(MetricsEvent happened) => _events.Enqueue(happened);

    Task<MetricsSnapshot> IMetricsSink.GetAsync(CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    Task<IReadOnlyList<HistoryPoint>> IMetricsSink.GetHistoryAsync(long pending, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    void ILogger.Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    ) =>
        _lines.Enqueue(
            (
                logLevel,
                eventId.Id,
                formatter(state, exception) + string.Join(' ', (IEnumerable<KeyValuePair<string, object?>>)state!)
            )
        );
}
