using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Requests;

namespace AkkaCharging.Callbacks;

/// <summary>Posts callbacks over HTTP.</summary>
/// <param name="handler">Handler that connects through <paramref name="connector"/>.</param>
/// <param name="timeout">Time-out of one attempt, look-up and connection included.</param>
/// <remarks>
/// Headers follow Standard Webhooks 1.0.0; the classification of answers is the table of <c>docs/receivers.md</c>. The
/// response's body is not read: the handler drains a few kilobytes after the answer is known, so that the connection
/// can be used again.
/// </remarks>
internal sealed class CallbackClient(
    HttpMessageHandler handler,
    VettedConnector connector,
    WebhookSigner signer,
    TimeSpan timeout,
    TimeProvider time
) : ICallbackClient, IDisposable
{
    private static readonly string UserAgent = $"AkkaCharging/{ProductVersion.Text}";

    private static readonly MediaTypeHeaderValue Json = new("application/json");
    private readonly HttpMessageInvoker _http = new(handler, disposeHandler: true);

    public async Task<AttemptResult> AttemptAsync(
        ChargingRequest request,
        Decision decision,
        CancellationToken stopping
    )
    {
        var at = time.GetUtcNow();
        var startedAt = time.GetTimestamp();
        var url = request.Callback.Uri;
        using var either = new CancellationTokenSource(timeout, time);
        var isLookingUp = true;
        await using var registration = stopping.UnsafeRegister(
            static source => ((CancellationTokenSource)source!).Cancel(),
            either
        );
        try
        {
            // Checked before the handler runs: a name without an address would cost it a connection pool, and an
            // exception through all of its layers.
            if (await connector.FindFailureAsync(url, either.Token) is { } failure)
            {
                var lacking = failure == NameResolutionFailure.OutOfFiles ? LocalResource.Files : (LocalResource?)null;
                return NoAnswer(CallbackOutcome.NetworkError, FailureCauses.Of(failure)) with { Lacking = lacking };
            }

            isLookingUp = false;
            using var message = Message(url, request, decision, at);
            using var response = await _http.SendAsync(message, either.Token);
            return Classify(response, Answered(response.StatusCode), time.GetUtcNow());
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            throw;
        }
        catch (OperationCanceledException e)
        {
            var cause = isLookingUp ? AttemptCause.NameTimeout : AttemptCause.AnswerTimeout;

            // How .NET reports the handler's ConnectTimeout.
            if (e.InnerException is TimeoutException)
                cause = AttemptCause.ConnectTimeout;
            return NoAnswer(CallbackOutcome.Timeout, cause);
        }
        catch (Exception e)
            when (e is HttpRequestException or IOException or SocketException or ObjectDisposedException)
        {
            var outcome = e.InnerException switch
            {
                AddressRefusedException => CallbackOutcome.Blocked,
                TimeoutException => CallbackOutcome.Timeout,
                _ => CallbackOutcome.NetworkError,
            };
            return NoAnswer(outcome, FailureCauses.Of(e)) with { Lacking = LocalResources.FindShortage(e) };
        }

        CallbackAttempt Answered(HttpStatusCode status)
        {
            var outcome = OutcomeOf(status);
            return new(
                at,
                time.GetElapsedTime(startedAt),
                (int)status,
                outcome,
                outcome == CallbackOutcome.Success ? null : AttemptCause.HttpStatus
            );
        }

        AttemptResult NoAnswer(CallbackOutcome outcome, AttemptCause cause) =>
            new(
                new(at, time.GetElapsedTime(startedAt), HttpStatus: null, outcome, cause),
                IsFinal: outcome == CallbackOutcome.Blocked,
                RetryAfter: null
            );
    }

    public void Dispose() => _http.Dispose();

    private static CallbackOutcome OutcomeOf(HttpStatusCode status) =>
        (int)status is >= 200 and < 300 ? CallbackOutcome.Success : CallbackOutcome.HttpError;

    private static AttemptResult Classify(HttpResponseMessage response, CallbackAttempt attempt, DateTimeOffset now)
    {
        var isRetryable = (int)response.StatusCode is 408 or 425 or 429 or (>= 500 and < 600);
        return new(attempt, IsFinal: !isRetryable, isRetryable ? RetryAfterHeader.Read(response.Headers, now) : null);
    }

    private HttpRequestMessage Message(Uri url, ChargingRequest request, Decision decision, DateTimeOffset at)
    {
        var id = request.Id.ToString();
        var timestamp = at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var body = CallbackBody.Of(request, decision);
        var message = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(body) };
        message.Content.Headers.ContentType = Json;
        message.Headers.TryAddWithoutValidation("User-Agent", UserAgent);
        message.Headers.TryAddWithoutValidation("webhook-id", id);
        message.Headers.TryAddWithoutValidation("webhook-timestamp", timestamp);
        if (signer.Sign(id, timestamp, body) is { } signature)
            message.Headers.TryAddWithoutValidation("webhook-signature", signature);
        return message;
    }
}
