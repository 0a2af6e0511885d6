using System.Diagnostics;
using System.Net;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;
using AkkaCharging.Tracing;

namespace AkkaCharging.Tests.Tracing;

[Trait("Category", "Unit")]
public sealed class TracingObserverTests : IDisposable
{
    private static readonly ActivityContext Trace = new(
        ActivityTraceId.CreateRandom(),
        ActivitySpanId.CreateRandom(),
        ActivityTraceFlags.Recorded
    );

    private readonly List<Activity> _spans = [];
    private readonly RecordingObserver _next = new();
    private readonly TracingObserver _observer;
    private readonly ActivityListener _listener;

    public TracingObserverTests()
    {
        _observer = new TracingObserver(_next);
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == TracingObserver.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> span) =>
                span.Parent.TraceId == Trace.TraceId
                    ? ActivitySamplingResult.AllDataAndRecorded
                    : ActivitySamplingResult.None,
            ActivityStopped = _spans.Add,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public void Dispose() => _listener.Dispose();

    [Fact]
    public void Decision_IsAWaitAndAnAuthorization_OneAfterTheOther()
    {
        _observer.Decided(Request(), Sample.Decision(Sample.Now), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(1));

        var (wait, authorization) = (_spans[0], _spans[1]);
        Assert.Equal(
            ("queue wait", Sample.Now.AddSeconds(-3).UtcDateTime, TimeSpan.FromSeconds(2)),
            (wait.OperationName, wait.StartTimeUtc, wait.Duration)
        );
        Assert.Equal(
            ("authorization", Sample.Now.AddSeconds(-1).UtcDateTime, TimeSpan.FromSeconds(1)),
            (authorization.OperationName, authorization.StartTimeUtc, authorization.Duration)
        );
        Assert.All(
            _spans,
            span =>
                Assert.Equal(
                    (Trace.TraceId, Trace.SpanId, ActivityStatusCode.Unset),
                    (span.TraceId, span.ParentSpanId, span.Status)
                )
        );
        Assert.Null(Activity.Current);
        Assert.Equal(["decided"], _next.Told);
    }

    [Fact]
    public void UnknownDecision_IsAnError_ByItsReason()
    {
        _observer.Decided(
            Request(),
            new(AuthorizationStatus.Unknown, DecisionReason.CircuitOpen, Sample.Now),
            TimeSpan.Zero,
            TimeSpan.Zero
        );

        Assert.Equal(
            (ActivityStatusCode.Error, "circuit_open"),
            (_spans[1].Status, _spans[1].GetTagItem("error.type"))
        );
    }

    [Theory]
    [InlineData(CallbackOutcome.Success, 204, null)]
    [InlineData(CallbackOutcome.HttpError, 503, "503")]
    [InlineData(CallbackOutcome.Timeout, null, "timeout")]
    public void Attempt_TellsItsOutcome_AndOfTheUrlOnlySchemeHostAndPort(object outcome, int? status, string? error)
    {
        _observer.Attempted(
            Request("http://127.0.0.1:8080/canary?key=canary"),
            Sample.Attempt((CallbackOutcome)outcome, (HttpStatusCode?)status),
            isRedriven: false
        );

        var span = Assert.Single(_spans);
        Assert.Equal(
            (ActivityKind.Client, Sample.Now.UtcDateTime, TimeSpan.FromMilliseconds(3)),
            (span.Kind, span.StartTimeUtc, span.Duration)
        );
        Assert.Equal(
            ("http", "127.0.0.1", 8080),
            (span.GetTagItem("url.scheme"), span.GetTagItem("server.address"), span.GetTagItem("server.port"))
        );
        Assert.Equal(
            (status, error),
            ((int?)span.GetTagItem("http.response.status_code"), (string?)span.GetTagItem("error.type"))
        );
        Assert.Equal(error is not null, span.Status == ActivityStatusCode.Error);
        Assert.DoesNotContain(
            span.TagObjects,
            tag => tag.Value?.ToString()?.Contains("cana", StringComparison.Ordinal) == true
        );
        Assert.Equal(["attempted"], _next.Told);
    }

    [Fact]
    public void RequestWithoutATrace_HasNoSpans()
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == TracingObserver.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _spans.Add,
        };
        ActivitySource.AddActivityListener(listener);

        _observer.Decided(Sample.Request(), Sample.Decision(), TimeSpan.Zero, TimeSpan.Zero);
        _observer.Attempted(Sample.Request(), Sample.Attempt(), isRedriven: false);

        Assert.Empty(_spans);
        Assert.Equal(["decided", "attempted"], _next.Told);
    }

    [Fact]
    public void EverythingElse_IsPassedOn()
    {
        _observer.Settled(
            Request(),
            new(RequestState.Delivered, Sample.Now, LastAttempt: null),
            TimeSpan.Zero,
            isRedriven: false
        );
        _observer.BreakerMoved("acl", BreakerState.Open);
        _observer.ReceiverMoved(new("http", "a.example.com", 80), BreakerState.Open);
        _observer.AuthorizerFailed("acl", RequestId.New(Sample.Now), new TimeoutException());

        Assert.Equal(["settled", "breaker", "receiver", "failed"], _next.Told);
        Assert.Empty(_spans);
    }

    private static ChargingRequest Request(string url = "http://127.0.0.1:8080/hook") =>
        Sample.Request(url) with
        {
            Trace = Trace,
        };

    private sealed class RecordingObserver : AkkaCharging.Pipeline.IPipelineObserver
    {
        public List<string> Told { get; } = [];

        public void Decided(ChargingRequest request, Decision decision, TimeSpan queueWait, TimeSpan duration) =>
            Told.Add("decided");

        public void Answered(
            SynchronousQuestion question,
            Decision decision,
            TimeSpan throttleWait,
            TimeSpan duration
        ) => Told.Add("answered");

        public void Attempted(ChargingRequest request, CallbackAttempt attempt, bool isRedriven) =>
            Told.Add("attempted");

        public void Settled(ChargingRequest request, Settlement settlement, TimeSpan age, bool isRedriven) =>
            Told.Add("settled");

        public void BreakerMoved(string partner, BreakerState state) => Told.Add("breaker");

        public void ReceiverMoved(DestinationKey receiver, BreakerState state) => Told.Add("receiver");

        public void AuthorizerFailed(string partner, RequestId id, Exception cause) => Told.Add("failed");
    }
}
