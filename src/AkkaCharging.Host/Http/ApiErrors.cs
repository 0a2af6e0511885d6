using System.Globalization;
using System.Text.Json.Serialization.Metadata;
using AkkaCharging.Host.Connections;
using AkkaCharging.Metrics;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Http;

/// <summary>Writes responses; all errors of the API have the same body.</summary>
internal static class ApiErrors
{
    /// <summary>Writes an error body of <c>{status, message, timestamp}</c>.</summary>
    public static Task WriteErrorAsync(
        this HttpContext context,
        int statusCode,
        AnswerStatus status,
        string message,
        TimeSpan? retryAfter = null
    )
    {
        if (retryAfter is { } wait)
            context.Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(wait.TotalSeconds))
                .ToString(CultureInfo.InvariantCulture);
        return context.WriteJsonAsync(
            statusCode,
            new ErrorAnswer(status.Name(), message, context.Now()),
            ApiJson.Default.ErrorAnswer
        );
    }

    /// <summary>Writes a 400 that lists every broken rule.</summary>
    /// <param name="errors">The broken rules, at least one.</param>
    public static Task WriteValidationErrorAsync(this HttpContext context, IReadOnlyList<FieldError> errors) =>
        context.WriteJsonAsync(
            StatusCodes.Status400BadRequest,
            new ValidationErrorAnswer(AnswerStatus.ValidationError.Name(), errors[0].Message, errors, context.Now()),
            ApiJson.Default.ValidationErrorAnswer
        );

    /// <summary>Writes a 429 for a caller that has used up its requests per second.</summary>
    /// <param name="caller">The caller; null without an API key, where the limit of the address applies.</param>
    /// <returns>The status of the response.</returns>
    public static async Task<AnswerStatus> WriteRateLimitedAsync(
        this HttpContext context,
        ApiKeyCaller? caller,
        TimeSpan wait
    )
    {
        await context.WriteErrorAsync(
            StatusCodes.Status429TooManyRequests,
            AnswerStatus.RateLimited,
            caller is null ? "The rate limit of this address is used up." : "The API key's rate limit is used up.",
            wait
        );
        return AnswerStatus.RateLimited;
    }

    /// <summary>Writes a 403 for a connection without a client certificate.</summary>
    /// <returns>The status of the response.</returns>
    public static async Task<AnswerStatus> WriteNoCertificateAsync(this HttpContext context)
    {
        await context.WriteErrorAsync(
            StatusCodes.Status403Forbidden,
            AnswerStatus.Forbidden,
            "A client certificate is required."
        );
        return AnswerStatus.Forbidden;
    }

    /// <summary>Writes a 401 for a missing or unknown API key.</summary>
    /// <returns>The status of the response.</returns>
    public static async Task<AnswerStatus> WriteUnauthorizedAsync(this HttpContext context)
    {
        context.Response.Headers.WWWAuthenticate = "Bearer"; // RFC 9110 section 15.5.2: a 401 has to name a scheme
        await context.WriteErrorAsync(
            StatusCodes.Status401Unauthorized,
            AnswerStatus.Unauthorized,
            "The API key is missing or unknown."
        );
        return AnswerStatus.Unauthorized;
    }

    /// <summary>Writes a 429 for an address that has sent too many wrong keys or tokens.</summary>
    /// <returns>The status of the response.</returns>
    public static async Task<AnswerStatus> WriteDelayedAsync(this HttpContext context, TimeSpan wait)
    {
        await context.WriteErrorAsync(
            StatusCodes.Status429TooManyRequests,
            AnswerStatus.RateLimited,
            "Too many wrong keys came from this address.",
            wait
        );
        return AnswerStatus.RateLimited;
    }

    /// <summary>Writes a 500 for a stored request that cannot be read.</summary>
    /// <param name="reason">Why, for operators.</param>
    public static Task WriteDamagedAsync(this HttpContext context, string reason) =>
        context.WriteErrorAsync(
            StatusCodes.Status500InternalServerError,
            AnswerStatus.RequestDamaged,
            $"The stored request cannot be read. {reason}"
        );

    /// <summary>Writes a 415 for a body that <see cref="BodyReader.IsPlain"/> rejects.</summary>
    /// <remarks>
    /// <c>Accept-Encoding</c> distinguishes it from a 415 for the content type, which must not have that header: RFC
    /// 9110 section 12.5.3.
    /// </remarks>
    /// <returns>The status of the response.</returns>
    public static async Task<AnswerStatus> WriteEncodingProblemAsync(this HttpContext context)
    {
        context.Response.Headers.AcceptEncoding = "identity";
        await context.WriteErrorAsync(
            StatusCodes.Status415UnsupportedMediaType,
            AnswerStatus.UnsupportedMediaType,
            "The content encoding is not supported. Send the body without one, or with identity."
        );
        return AnswerStatus.UnsupportedMediaType;
    }

    /// <summary>Writes the error for a body that could not be read, without waiting for the rest of it.</summary>
    /// <returns>The status of the response.</returns>
    public static async Task<AnswerStatus> WriteBodyProblemAsync(
        this HttpContext context,
        BodyProblem problem,
        ServerSettings settings
    )
    {
        // Later versions have no such header (RFC 9113 section 8.2.2): Kestrel would remove it and log a warning.
        if (HttpProtocol.IsHttp11(context.Request.Protocol) || HttpProtocol.IsHttp10(context.Request.Protocol))
            context.Response.Headers.Connection = "close";
        switch (problem)
        {
            case BodyProblem.TooLarge:
                await context.WriteErrorAsync(
                    413,
                    AnswerStatus.PayloadTooLarge,
                    $"The body is longer than {settings.MaxRequestBodyBytes} bytes."
                );
                return AnswerStatus.PayloadTooLarge;
            case BodyProblem.TooSlow:
                await context.WriteErrorAsync(
                    408,
                    AnswerStatus.RequestTimeout,
                    $"The body did not arrive within {settings.RequestTimeout.TotalMilliseconds} ms."
                );
                return AnswerStatus.RequestTimeout;
            default:
                await context.WriteValidationErrorAsync([new("body", "The request body could not be read.")]);
                return AnswerStatus.ValidationError;
        }
    }

    /// <summary>Writes <paramref name="answer"/> as JSON.</summary>
    public static async Task WriteJsonAsync<T>(this HttpContext context, int statusCode, T answer, JsonTypeInfo<T> type)
    {
        context.Response.StatusCode = statusCode;
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store"; // responses must not be cached
        await context.WriteBytesAsync(ReadableJson.Bytes(answer, type));
    }

    /// <summary>Writes <paramref name="body"/> with its length, or its length alone for HEAD.</summary>
    /// <param name="body">The body, which must not change while it is sent.</param>
    public static async Task WriteBytesAsync(this HttpContext context, ReadOnlyMemory<byte> body)
    {
        context.Response.ContentLength = body.Length;
        if (HttpMethods.IsHead(context.Request.Method))
            return;
        if (context.Response.Body is HeldBody held)
            held.Hold(body);
        else
            await BoundedTransport.WriteAsync(context, body, CancellationToken.None);
    }

    /// <summary>Returns the current time in milliseconds since 1970.</summary>
    public static long Now(this HttpContext context) =>
        context.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>
    /// Adds middleware that writes routing errors and unhandled exceptions as errors of the API, and sets the
    /// <see cref="SecurityHeaders"/> of every response.
    /// </summary>
    public static void UseApiErrors(this WebApplication app)
    {
        app.Use(
            async (context, next) =>
            {
                context.SetSecurityHeaders();
                try
                {
                    await next(context);
                    // A length without a body is the response to a HEAD request.
                    if (!context.Response.HasStarted && context.Response.ContentLength is null)
                        await context.WriteRoutingErrorAsync();
                }
                catch (BadHttpRequestException e) when (!context.Response.HasStarted)
                {
                    // Broken framing or a body over the limit, found by code that does not expect it: the caller's
                    // fault.
                    var isTooLarge = e.StatusCode == StatusCodes.Status413PayloadTooLarge;
                    await context.WriteErrorAsync(
                        e.StatusCode,
                        isTooLarge ? AnswerStatus.PayloadTooLarge : AnswerStatus.BadRequest,
                        "The request could not be read."
                    );
                }
                catch (Exception e)
                    when (!context.Response.HasStarted
                        && !(e is OperationCanceledException && context.RequestAborted.IsCancellationRequested)
                    )
                {
                    // A process edge: the log gets the exception, the caller does not. The endpoint is logged instead
                    // of the path, because a caller's text could forge log lines.
                    app.Logger.LogError(
                        e,
                        "Unhandled exception in {Endpoint}; responded 500",
                        context.GetEndpoint()?.DisplayName
                    );
                    context.Response.Clear();
                    context.SetSecurityHeaders();

                    // In development, the type of the exception and nothing else: its text may contain secrets.
                    var kind = app.Environment.IsDevelopment() ? $" ({e.GetType().Name}; see the log)" : "";
                    await context.WriteErrorAsync(
                        StatusCodes.Status500InternalServerError,
                        AnswerStatus.InternalError,
                        $"An internal error occurred{kind}."
                    );
                }
            }
        );
    }

    private static Task WriteRoutingErrorAsync(this HttpContext context) =>
        context.Response.StatusCode switch
        {
            StatusCodes.Status405MethodNotAllowed => context.WriteErrorAsync(
                StatusCodes.Status405MethodNotAllowed,
                AnswerStatus.MethodNotAllowed,
                "The method is not allowed here."
            ),
            StatusCodes.Status404NotFound => context.WriteErrorAsync(
                StatusCodes.Status404NotFound,
                AnswerStatus.NotFound,
                "There is nothing here."
            ),
            _ => Task.CompletedTask,
        };
}
