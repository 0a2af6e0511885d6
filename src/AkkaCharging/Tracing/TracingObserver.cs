using System.Diagnostics;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;

namespace AkkaCharging.Tracing;

/// <summary>
/// Makes spans of what happens to requests, each below the span of the submission that brought the request, then tells
/// <paramref name="next"/>.
/// </summary>
/// <remarks>
/// A span is made when its part is over, from the times that are known then: the stages know nothing of traces, and
/// what a crash or a shutdown cut short has none. The parent comes with the request, out of the journal after a
/// restart, so that a recovered or redriven request goes on with its own trace. A request that was accepted without a
/// trace gets none later. Attributes: semantic conventions 1.37 of OpenTelemetry for HTTP clients; what is the
/// service's own begins with <c>akkacharging.</c>. No token, station or path is among them: of a callback URL scheme,
/// host and port.
/// </remarks>
internal sealed class TracingObserver(IPipelineObserver next) : IPipelineObserver
{
    /// <summary>What a listener subscribes to.</summary>
    public const string SourceName = "AkkaCharging";

    private static readonly ActivitySource Source = new(SourceName);

    public void Decided(ChargingRequest request, Decision decision, TimeSpan queueWait, TimeSpan duration)
    {
        next.Decided(request, decision, queueWait, duration);
        var askedAt = decision.DecidedAt - duration;
        using (Span(request, "queue wait", ActivityKind.Internal, askedAt - queueWait, queueWait))
        {
            // Over already; nothing more is known about it.
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

    // Its span is the HTTP request's.
    public void Answered(SynchronousQuestion question, Decision decision, TimeSpan throttleWait, TimeSpan duration) =>
        next.Answered(question, decision, throttleWait, duration);

    public void BreakerMoved(string partner, BreakerState state) => next.BreakerMoved(partner, state);

    public void ReceiverMoved(DestinationKey receiver, BreakerState state) => next.ReceiverMoved(receiver, state);

    public void AuthorizerFailed(string partner, RequestId id, Exception cause) =>
        next.AuthorizerFailed(partner, id, cause);

    /// <returns>A span that lasts until it is disposed for who asks, and as long as <paramref name="duration"/> for who
    /// reads it; null when nobody does.</returns>
    private static Activity? Span(
        ChargingRequest request,
        string name,
        ActivityKind kind,
        DateTimeOffset from,
        TimeSpan duration
    )
    {
        if (request.Trace == default)
            return null; // else it would be the root of a trace of its own
        var span = Source.StartActivity(kind, request.Trace, startTime: from, name: name);
        return span?.SetEndTime((from + duration).UtcDateTime).SetTag("akkacharging.request.id", request.Id.ToString());
    }

    private static void Fail(Activity? span, string kind) =>
        span?.SetTag("error.type", kind).SetStatus(ActivityStatusCode.Error);
}
