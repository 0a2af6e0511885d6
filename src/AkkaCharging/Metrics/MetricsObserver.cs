using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using Microsoft.Extensions.Logging;

namespace AkkaCharging.Metrics;

/// <summary>Reports pipeline events to the metrics actor and to the log. Each decision is one audit event.</summary>
internal sealed partial class MetricsObserver(
    IMetricsSink metrics,
    IRequestJournal journal,
    ILogger<MetricsObserver> logger
) : IPipelineObserver
{
    public void Decided(ChargingRequest request, Decision decision, TimeSpan queueWait, TimeSpan duration)
    {
        metrics.Tell(new DecisionMade(decision.Status, decision.Reason, queueWait, duration));
        if (!logger.IsEnabled(LogLevel.Information))
            return;

        using var trace = BeginTrace(request);

        // The journal is open at this point: it stored or returned the request.
        LogDecision(
            requestId: request.Id,
            stationId: request.Station,
            driverToken: request.Token.Masked,
            TokenFingerprint: Fingerprint(request.Token),
            status: decision.Status.Name(),
            reason: decision.Reason.Name(),
            AcceptedAt: request.AcceptedAt,
            DecidedAt: decision.DecidedAt
        );
    }

    public void Answered(SynchronousQuestion question, Decision decision, TimeSpan throttleWait, TimeSpan duration)
    {
        metrics.Tell(new DecisionMade(decision.Status, decision.Reason, throttleWait, duration));
        if (!logger.IsEnabled(LogLevel.Information))
            return;
        LogAnswer(
            requestId: question.Id,
            stationId: question.Station,
            driverToken: question.Token.Masked,
            TokenFingerprint: FingerprintOrNothing(question.Token),
            status: decision.Status.Name(),
            reason: decision.Reason.Name(),
            DecidedAt: decision.DecidedAt
        );
    }

    public void Attempted(ChargingRequest request, CallbackAttempt attempt, bool isRedriven)
    {
        metrics.Tell(new CallbackAttempted(attempt.Outcome, attempt.Duration, isRedriven, attempt.Cause));
        if (attempt.Outcome == CallbackOutcome.Success)
            return;
        using var trace = BeginTrace(request);
        LogFailedAttempt(
            request.Id,
            request.Callback.Destination,
            attempt.Outcome.Name(),
            attempt.Cause?.Name(),
            attempt.HttpStatus,
            attempt.Duration.TotalMilliseconds
        );
    }

    public void Settled(ChargingRequest request, Settlement settlement, TimeSpan age, bool isRedriven)
    {
        metrics.Tell(new RequestSettled(settlement.State, age, isRedriven));
        if (settlement.State == RequestState.Delivered && !logger.IsEnabled(LogLevel.Debug))
            return;
        using var trace = BeginTrace(request);
        if (settlement.State == RequestState.Delivered)
            LogDelivered(request.Id, age.TotalMilliseconds);
        else
            LogUndelivered(request.Id, request.Callback.Destination, settlement.State.Name());
    }

    public void BreakerMoved(string partner, BreakerState state)
    {
        metrics.Tell(new Metrics.BreakerMoved(state));
        LogBreaker(partner, state);
    }

    public void ReceiverMoved(DestinationKey receiver, BreakerState state)
    {
        metrics.Tell(new ReceiverBreakerMoved(state));
        if (state == BreakerState.Closed)
            LogReceiverBack(receiver);
        else
            LogReceiverAway(receiver);
    }

    public void AuthorizerFailed(string partner, RequestId id, Exception cause) =>
        LogAuthorizerFailure(partner, id, cause.GetType().Name, cause.Message);

    /// <summary>
    /// Adds the trace id of the request to the following log lines; null for a request without a trace.
    /// </summary>
    private IDisposable? BeginTrace(ChargingRequest request) =>
        request.Trace == default
            ? null
            : logger.BeginScope(
                new KeyValuePair<string, object>[] { new("TraceId", request.Trace.TraceId.ToHexString()) }
            );

    private string Fingerprint(DriverToken token) => Convert.ToHexStringLower(journal.Hasher.Fingerprint(token));

    // A question uses no journal, but its fingerprint needs the journal's secret.
    private string FingerprintOrNothing(DriverToken token)
    {
        try
        {
            return Fingerprint(token);
        }
        catch (JournalUnavailableException)
        {
            return "";
        }
    }

    // Fingerprint and times are only properties of the event: in its text too, they would be in each line twice.
#pragma warning disable SYSLIB1015
    [LoggerMessage(
        1001,
        LogLevel.Information,
        "Decided {RequestId}: {Status} ({Reason}) for station {StationId}, driver token {DriverToken}"
    )]
    private partial void LogDecision(
        RequestId requestId,
        StationId stationId,
        string driverToken,
        string TokenFingerprint, // the event's property has this name
        string status,
        string reason,
        DateTimeOffset AcceptedAt,
        DateTimeOffset DecidedAt
    );

    [LoggerMessage(
        1011,
        LogLevel.Information,
        "Answered {RequestId}: {Status} ({Reason}) for station {StationId}, driver token {DriverToken}"
    )]
    private partial void LogAnswer(
        RequestId requestId,
        StationId stationId,
        string driverToken,
        string TokenFingerprint, // the event's property has this name
        string status,
        string reason,
        DateTimeOffset DecidedAt
    );
#pragma warning restore SYSLIB1015

    [LoggerMessage(
        1002,
        LogLevel.Information,
        "Callback attempt of {RequestId} to {Destination} failed: {Outcome}, HTTP status {HttpStatus}, cause "
            + "{Cause}, after {DurationMillis} ms"
    )]
    private partial void LogFailedAttempt(
        RequestId requestId,
        DestinationKey destination,
        string outcome,
        string? cause,
        int? httpStatus,
        double durationMillis
    );

    [LoggerMessage(1003, LogLevel.Debug, "Delivered {RequestId} after {EndToEndMillis} ms")]
    private partial void LogDelivered(RequestId requestId, double endToEndMillis);

    [LoggerMessage(1004, LogLevel.Warning, "Settled {RequestId} to {Destination} as {State}")]
    private partial void LogUndelivered(RequestId requestId, DestinationKey destination, string state);

    [LoggerMessage(
        1009,
        LogLevel.Warning,
        "Callbacks to {Destination} wait: all of its recent attempts failed, and its circuit breaker is open"
    )]
    private partial void LogReceiverAway(DestinationKey destination);

    [LoggerMessage(
        1010,
        LogLevel.Information,
        "Callbacks to {Destination} wait no longer: its circuit breaker is closed"
    )]
    private partial void LogReceiverBack(DestinationKey destination);

    [LoggerMessage(1005, LogLevel.Warning, "The circuit breaker of the authorizer {Partner} is {BreakerState}")]
    private partial void LogBreaker(string partner, BreakerState breakerState);

    [LoggerMessage(
        1006,
        LogLevel.Warning,
        "The authorizer {Partner} failed to answer about {RequestId}: {ErrorType}: {Error}"
    )]
    private partial void LogAuthorizerFailure(string partner, RequestId requestId, string errorType, string error);
}
