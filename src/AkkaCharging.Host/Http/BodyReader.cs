using System.Buffers;
using System.IO.Pipelines;
using AkkaCharging.Metrics;
using AkkaCharging.Settings;
using Microsoft.Net.Http.Headers;

namespace AkkaCharging.Host.Http;

/// <summary>Why a body could not be read.</summary>
internal enum BodyProblem
{
    /// <summary>The body was read.</summary>
    None,

    /// <summary>The body is longer than <c>server.maxRequestBodyBytes</c>.</summary>
    TooLarge,

    /// <summary>The body did not arrive within <c>server.requestTimeoutMillis</c>.</summary>
    TooSlow,

    /// <summary>The framing is broken, or the caller disconnected.</summary>
    Broken,
}

/// <summary>Reads the whole body of a request, within its limits.</summary>
internal static class BodyReader
{
    /// <summary>Checks whether the content type of <paramref name="request"/> is JSON in UTF-8.</summary>
    public static bool IsJson(HttpRequest request) =>
        request.ContentType is "application/json" || IsJson(request.ContentType);

    /// <summary>
    /// Checks whether the body of <paramref name="request"/> has no content encoding, such as compression.
    /// </summary>
    /// <remarks><c>identity</c> names the absence of an encoding: RFC 9110 section 8.4.1.</remarks>
    public static bool IsPlain(HttpRequest request) =>
        request.Headers.ContentEncoding is not { Count: > 0 } encodings
        || encodings
            .ToString()
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .All(encoding => encoding.Equals("identity", StringComparison.OrdinalIgnoreCase));

    /// <summary>Reads a JSON body, or answers why it is rejected.</summary>
    /// <returns>The body, and the status of the response; null when the body was read.</returns>
    public static async ValueTask<(byte[] Body, AnswerStatus? Rejected)> ReadJsonAsync(
        HttpContext context,
        ServerSettings settings,
        TimeProvider time
    )
    {
        if (!IsJson(context.Request))
        {
            await context.WriteErrorAsync(
                StatusCodes.Status415UnsupportedMediaType,
                AnswerStatus.UnsupportedMediaType,
                "The content type must be application/json in UTF-8."
            );
            return ([], AnswerStatus.UnsupportedMediaType);
        }

        if (!IsPlain(context.Request))
            return ([], await context.WriteEncodingProblemAsync());
        return await ReadAsync(context, settings, time);
    }

    /// <summary>Reads a body within the limits of the listener, or answers why it is rejected.</summary>
    /// <inheritdoc cref="ReadJsonAsync"/>
    public static async ValueTask<(byte[] Body, AnswerStatus? Rejected)> ReadAsync(
        HttpContext context,
        ServerSettings settings,
        TimeProvider time
    )
    {
        var (problem, body) = await ReadAsync(
            context.Request,
            settings.MaxRequestBodyBytes,
            settings.RequestTimeout,
            time
        );
        return problem == BodyProblem.None
            ? (body, null)
            : ([], await context.WriteBodyProblemAsync(problem, settings));
    }

    /// <summary>Reads the body of <paramref name="request"/>; the bytes are empty when there is a problem.</summary>
    public static async ValueTask<(BodyProblem Problem, byte[] Bytes)> ReadAsync(
        HttpRequest request,
        int bytesMax,
        TimeSpan timeout,
        TimeProvider time
    )
    {
        if (request.ContentLength > bytesMax)
            return (BodyProblem.TooLarge, []);

        CancellationTokenSource? timer = null;
        try
        {
            var reader = request.BodyReader;
            if (request.ContentLength is not null && reader.TryRead(out var all))
            {
                // The usual case: the whole body arrived with its headers, so no time-out is needed.
                if (all.IsCompleted)
                    return (BodyProblem.None, Take(reader, all));
                reader.AdvanceTo(all.Buffer.Start);
            }

            timer = new CancellationTokenSource(timeout, time);
            while (true)
            {
                var read = await reader.ReadAsync(timer.Token);
                if (read.Buffer.Length > bytesMax)
                {
                    reader.AdvanceTo(read.Buffer.End);
                    return (BodyProblem.TooLarge, []);
                }

                if (read.IsCompleted)
                    return (BodyProblem.None, Take(reader, read));

                reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            }
        }
        catch (OperationCanceledException) when (timer is { IsCancellationRequested: true })
        {
            return (BodyProblem.TooSlow, []);
        }
        catch (BadHttpRequestException e)
        {
            return (
                e.StatusCode == StatusCodes.Status413PayloadTooLarge ? BodyProblem.TooLarge : BodyProblem.Broken,
                []
            );
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return (BodyProblem.Broken, []);
        }
        finally
        {
            timer?.Dispose();
        }
    }

    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out var type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        && (
            !type.Charset.HasValue
            || HeaderUtilities.RemoveQuotes(type.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase)
        );

    private static byte[] Take(PipeReader reader, ReadResult read)
    {
        var bytes = read.Buffer.ToArray();
        reader.AdvanceTo(read.Buffer.End);
        return bytes;
    }
}
