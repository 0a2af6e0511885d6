using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using AkkaCharging.Connections;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Http;

/// <summary>Asks a back end over HTTP, once per call.</summary>
/// <remarks>
/// Request: <c>POST</c> of <c>{"stationId","driverToken","requestId"}</c>; answer: 2xx with
/// <c>{"status":"allowed|not_allowed","reason":…}</c>, where <c>reason</c> is optional and counts only if it fits the
/// status. Errors, all <see cref="AuthorizerUnavailableException"/>: no connection, a broken one, no answer within the
/// attempt's time-out, 408, 429 and 5xx are transient; other statuses (redirects are not followed) and invalid bodies
/// are permanent. No message carries the token, the URL's path or what the back end wrote. A cancelled call throws
/// <see cref="OperationCanceledException"/>.
/// </remarks>
internal sealed class HttpAuthorizer : IAuthorizer, IDisposable
{
    private const int BodyBytesMax = 4096;
    private const int ResponseHeadersKilobytesMax = 16;

    /// <summary>Lifetime of a connection, after which a changed DNS entry of the back end takes effect.</summary>
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(2);

    private static readonly MediaTypeHeaderValue Json = new("application/json");

    private readonly Uri _url;
    private readonly string _name;
    private readonly AuthenticationHeaderValue? _bearer;
    private readonly TimeSpan _attemptTimeout;
    private readonly TimeProvider _time;
    private readonly HttpMessageInvoker _client;

    /// <param name="settings">Settings that contain a URL.</param>
    public HttpAuthorizer(HttpAuthorizerSettings settings, TimeProvider time)
        : this(settings, time, new ConfiguredHosts()) { }

    internal HttpAuthorizer(HttpAuthorizerSettings settings, TimeProvider time, ConfiguredHosts hosts)
    {
        _url =
            settings.Url
            ?? throw new ArgumentException("the provider http requires authorization.http.url", nameof(settings));
        _name = $"authorizer {_url.Scheme}://{_url.Host}:{_url.Port}";
        _bearer =
            settings.BearerToken.Length > 0 ? new AuthenticationHeaderValue("Bearer", settings.BearerToken) : null;
        _attemptTimeout = settings.AttemptTimeout;
        _time = time;
        _client = new HttpMessageInvoker(
            new SocketsHttpHandler
            {
                ConnectCallback = hosts.ConnectAsync,
                SslOptions = PeerCertificates.Options(),
                PooledConnectionLifetime = ConnectionLifetime,
                // Connecting continues in the background after its request was cancelled.
                ConnectTimeout = settings.AttemptTimeout,
                AllowAutoRedirect = false,
                UseProxy = false,
                UseCookies = false,
                MaxResponseHeadersLength = ResponseHeadersKilobytesMax,
                // The decision's span is created when the decision is made, so there is no trace id to send yet.
                ActivityHeadersPropagator = null,
            }
        );
    }

    /// <inheritdoc/>
    public async ValueTask<AuthorizerAnswer> AuthorizeAsync(
        AuthorizationQuery query,
        CancellationToken cancellationToken
    )
    {
        using var timeout = new CancellationTokenSource(_attemptTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return await AskAsync(query, either.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new AuthorizerUnavailableException(
                $"{_name} did not answer within {_attemptTimeout.TotalMilliseconds} ms",
                isTransient: true,
                e
            )
            {
                IsTimeout = true,
            };
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw IsNonsense(e)
                ? Permanent("does not speak HTTP as expected", e)
                : Transient("could not be reached or broke the connection", e);
        }
    }

    /// <summary>Closes the connections.</summary>
    public void Dispose() => _client.Dispose();

    private async Task<AuthorizerAnswer> AskAsync(AuthorizationQuery query, CancellationToken cancellationToken)
    {
        var question = new AuthorizationQuestion(query.Station.Text, query.Token.Secret, query.RequestId.ToString());
        using var request = new HttpRequestMessage(HttpMethod.Post, _url);
        request.Content = new ByteArrayContent(
            JsonSerializer.SerializeToUtf8Bytes(question, AuthorizationJson.Default.AuthorizationQuestion)
        );
        request.Content.Headers.ContentType = Json;
        request.Headers.Authorization = _bearer;

        using var response = await _client.SendAsync(request, cancellationToken);
        if (!response.IsSuccessStatusCode)
            throw Refused(response.StatusCode);
        if (
            response.Content.Headers.ContentType?.MediaType is not { } type
            || !type.Equals(Json.MediaType, StringComparison.OrdinalIgnoreCase)
        )
            throw Permanent("answered with a content type other than application/json");

        using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[BodyBytesMax + 1];
        var length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        if (length > BodyBytesMax)
            throw Permanent($"answered with more than {BodyBytesMax} bytes");
        return Understand(buffer.AsSpan(0, length));
    }

    /// <exception cref="AuthorizerUnavailableException">The body is not an answer.</exception>
    internal AuthorizerAnswer Understand(ReadOnlySpan<byte> body)
    {
        AuthorizationReply? reply;
        try
        {
            reply = JsonSerializer.Deserialize(
                Utf8Json.WithoutMark(body),
                AuthorizationJson.Default.AuthorizationReply
            );
        }
        catch (JsonException)
        {
            // The cause is omitted, because it may quote the body.
            throw Permanent("answered without a valid JSON object of status and reason");
        }

        return reply?.Status switch
        {
            "allowed" => AuthorizerAnswer.Allow(),
            "not_allowed" => AuthorizerAnswer.Deny(DenialOf(reply.Reason)),
            _ => throw Permanent("answered with a status that is neither allowed nor not_allowed"),
        };
    }

    private AuthorizerUnavailableException Refused(HttpStatusCode status) =>
        status switch
        {
            _ when BackEndStatus.IsFailure(status) => Transient($"answered {(int)status}"),
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => Permanent(
                $"answered {(int)status}; check authorization.http.bearerToken"
            ),
            _ => Permanent($"answered {(int)status}; check authorization.http.url"),
        };

    private AuthorizerUnavailableException Transient(string what, Exception? cause = null) =>
        new($"{_name} {what}", isTransient: true, cause);

    private AuthorizerUnavailableException Permanent(string what, Exception? cause = null) =>
        new($"{_name} {what}", isTransient: false, cause);

    // Any other reason, or none, is a plain denial.
    private static DenialReason DenialOf(string? reason) =>
        reason switch
        {
            "blocked" => DenialReason.Blocked,
            "expired" => DenialReason.Expired,
            "station_not_allowed" => DenialReason.StationNotAllowed,
            "no_credit" => DenialReason.NoCredit,
            "concurrent_session" => DenialReason.ConcurrentSession,
            _ => DenialReason.UnknownToken,
        };

    private static bool IsNonsense(Exception e) =>
        (e as HttpRequestException)?.HttpRequestError
            is HttpRequestError.InvalidResponse
                or HttpRequestError.ConfigurationLimitExceeded
        || e is HttpIOException { HttpRequestError: HttpRequestError.InvalidResponse };
}
