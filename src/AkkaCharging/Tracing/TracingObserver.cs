using System.Diagnostics;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;

namespace AkkaCharging.Tracing;

/// <summary>
/// Creates spans for the events of requests, each below the span of its submission, and passes the events on to
/// <paramref name="next"/>.
/// </summary>
/// <remarks>
/// A span is created when its part is over, from the times known then. The stages do not know of traces, and parts
/// interrupted by a crash or a shutdown have no span. The parent is stored with the request in the journal, so a
/// recovered or redriven request continues its trace. A request that was accepted without a trace never gets one.
/// Attributes: semantic conventions 1.37 of OpenTelemetry for HTTP clients; the service's own begin with
/// <c>akkacharging.</c>. They contain no token, station or path; of a callback URL only scheme, host and port.
/// </remarks>
internal sealed class TracingObserver(IPipelineObserver next) : IPipelineObserver
{
    /// <summary>The name of the activity source.</summary>
    public const string SourceName = "AkkaCharging";

    private static readonly ActivitySource Source = new(SourceName);

    public void Decided(ChargingRequest request, Decision decision, TimeSpan queueWait, TimeSpan duration)
    {
        next.Decided(request, decision, queueWait, duration);
        var askedAt = decision.DecidedAt - duration;
        using (Span(request, "queue wait", ActivityKind.Internal, askedAt - queueWait, queueWait))
        {
            // The span needs no tags.
        }

        using var span = Span(request, "authorization", ActivityKind.Internal, askedAt, duration);
        span?.SetTag("akkacharging.decision.status", decision.Status.Name())
            .SetTag("akkacharging.decision.reason", decision.Reason.Name());
        if (decision.Status == AuthorizationStatus.Unknown)
            Fail(span, decision.Reason.Name());
    }

    public void Attempted(ChargingRequest request, CallbackAttempt attempt, bool isRedriven)
    {
        next.Attempted(request, attempt, isRedriven);
        using var span = Span(request, "callback", ActivityKind.Client, attempt.At, attempt.Duration);
        if (span is null)
            return;
        var (scheme, host, port) = request.Callback.Destination;
        span.SetTag("http.request.method", "POST")
            .SetTag("url.scheme", scheme)
            .SetTag("server.address", host)
            .SetTag("server.port", port);
        span.SetTag("akkacharging.callback.outcome", attempt.Outcome.Name())
            .SetTag("akkacharging.callback.redriven", isRedriven);
        if (attempt.Cause is { } cause)
            span.SetTag("akkacharging.callback.cause", cause.Name());
        if (attempt.HttpStatus is { } status)
            span.SetTag("http.response.status_code", status);
        if (attempt.Outcome != CallbackOutcome.Success)
            Fail(span, attempt.HttpStatus?.ToString() ?? attempt.Outcome.Name());
    }

    public void Settled(ChargingRequest request, Settlement settlement, TimeSpan age, bool isRedriven) =>
        next.Settled(request, settlement, age, isRedriven);

    // No span: the span of the HTTP request covers the question.
    public void Answered(SynchronousQuestion question, Decision decision, TimeSpan throttleWait, TimeSpan duration) =>
        next.Answered(question, decision, throttleWait, duration);

    public void BreakerMoved(string partner, BreakerState state) => next.BreakerMoved(partner, state);

    public void ReceiverMoved(DestinationKey receiver, BreakerState state) => next.ReceiverMoved(receiver, state);

    public void AuthorizerFailed(string partner, RequestId id, Exception cause) =>
        next.AuthorizerFailed(partner, id, cause);

    /// <returns>
    /// A span with the given start and <paramref name="duration"/>, to be disposed after tags were added; null when
    /// there is no listener.
    /// </returns>
    private static Activity? Span(
        ChargingRequest request,
        string name,
        ActivityKind kind,
        DateTimeOffset from,
        TimeSpan duration
    )
    {
        if (request.Trace == default)
            return null; // otherwise the span would be the root of a new trace
        var span = Source.StartActivity(kind, request.Trace, startTime: from, name: name);
        return span?.SetEndTime((from + duration).UtcDateTime).SetTag("akkacharging.request.id", request.Id.ToString());
    }

    private static void Fail(Activity? span, string kind) =>
        span?.SetTag("error.type", kind).SetStatus(ActivityStatusCode.Error);
}
