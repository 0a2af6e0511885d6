using System.Net.Http.Headers;
using System.Text;
using AkkaCharging.Connections;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Ocpi;

/// <summary>Sends single requests to one partner, over connections of its own.</summary>
/// <remarks>
/// HTTP/1.1 with kept connections. Redirects are not followed: they would carry the credentials elsewhere. Requests are
/// not traced, because their URLs hold driver tokens. Errors: <see cref="OcpiException"/>; a cancelled request throws
/// <see cref="OperationCanceledException"/>.
/// </remarks>
internal sealed class OcpiClient : IDisposable
{
    private const int BodyBytesMax = 16_384;
    private const int ResponseHeadersKilobytesMax = 16;
    private const string JsonType = "application/json";

    /// <summary>Lifetime of a connection, after which a changed DNS entry of the partner takes effect.</summary>
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(2);

    private readonly OcpiVersion _version;
    private readonly Func<string> _credentials;
    private readonly bool _encodesCredentials;
    private readonly string _ownCountry;
    private readonly string _ownParty;
    private readonly HttpMessageInvoker _client;

    /// <param name="credentials">Returns the current credentials token issued by the partner.</param>
    public OcpiClient(
        OcpiVersion version,
        OcpiSettings settings,
        OcpiPartnerSettings partner,
        Func<string> credentials,
        ConfiguredHosts hosts
    )
    {
        (_version, _credentials) = (version, credentials);
        _encodesCredentials = partner.Encoding switch
        {
            OcpiTokenEncoding.Base64 => true,
            OcpiTokenEncoding.Plain => false,
            _ => version.EncodesToken,
        };
        (_ownCountry, _ownParty) = (settings.CountryCode, settings.PartyId);
        _client = new HttpMessageInvoker(
            new SocketsHttpHandler
            {
                ConnectCallback = hosts.ConnectAsync,
                SslOptions = PeerCertificates.Options(),
                PooledConnectionLifetime = ConnectionLifetime,
                MaxConnectionsPerServer = partner.Parallelism,
                // Connecting continues in the background after its request was cancelled.
                ConnectTimeout = settings.AttemptTimeout,
                AllowAutoRedirect = false,
                UseProxy = false,
                UseCookies = false,
                MaxResponseHeadersLength = ResponseHeadersKilobytesMax,
                ActivityHeadersPropagator = null, // this also switches the handler's own traces off
            }
        );
    }

    /// <summary>Sends a GET request to <paramref name="url"/>.</summary>
    public Task<OcpiReply> GetAsync(Uri url, CancellationToken cancellationToken) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, url), $"{Guid.NewGuid()}", cancellationToken);

    /// <summary>Posts a question, with or without a body, to a party of the partner.</summary>
    /// <param name="correlationId">The correlation id of all requests about one authorization.</param>
    /// <param name="addressee">The addressed party, for example <c>NL-TNM</c>; null lets a hub select it.</param>
    public Task<OcpiReply> PostAsync(
        Uri url,
        byte[]? body,
        string correlationId,
        string? addressee,
        CancellationToken cancellationToken
    )
    {
        var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(body ?? []) };
        if (body is not null)
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(JsonType);
        if (_version.HasRoles)
        {
            request.Headers.Add("OCPI-from-country-code", _ownCountry);
            request.Headers.Add("OCPI-from-party-id", _ownParty);
            if (addressee is not null)
            {
                request.Headers.Add("OCPI-to-country-code", addressee[..2]);
                request.Headers.Add("OCPI-to-party-id", addressee[3..]);
            }
        }

        return SendAsync(request, correlationId, cancellationToken);
    }

    /// <summary>Closes the connections.</summary>
    public void Dispose() => _client.Dispose();

    private async Task<OcpiReply> SendAsync(
        HttpRequestMessage request,
        string correlationId,
        CancellationToken cancellationToken
    )
    {
        using var owned = request;
        // Not parsed: a base64 token may end in characters that the typed header rejects.
        request.Headers.TryAddWithoutValidation("Authorization", $"Token {Encoded(_credentials())}");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(JsonType));
        if (_version.HasMessageIds)
        {
            request.Headers.Add("X-Request-ID", $"{Guid.NewGuid()}");
            request.Headers.Add("X-Correlation-ID", correlationId);
        }

        try
        {
            using var response = await _client.SendAsync(request, cancellationToken);
            return await ReadAsync(response, cancellationToken);
        }
        catch (HttpRequestException e)
            when (e.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError)
        {
            throw new OcpiException("could not be reached", OcpiBlame.Connection, e);
        }
        catch (HttpRequestException e) when (e.HttpRequestError is HttpRequestError.SecureConnectionError)
        {
            throw new OcpiException("could not be authenticated over TLS", OcpiBlame.Partner, e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            // The cause is omitted, because it may quote the partner's text.
            throw new OcpiException("broke the connection or does not speak HTTP as expected", OcpiBlame.Partner);
        }
    }

    private static async Task<OcpiReply> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var headers = response.Content.Headers;
        var isJson = string.Equals(headers.ContentType?.MediaType, JsonType, StringComparison.OrdinalIgnoreCase);
        if (!isJson || headers.ContentEncoding.Count > 0) // no compressed body was requested
            return new OcpiReply(response.StatusCode);
        using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[BodyBytesMax + 1];
        var length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        return length > BodyBytesMax
            ? new OcpiReply(response.StatusCode)
            : OcpiReply.Read(response.StatusCode, buffer.AsSpan(0, length));
    }

    private string Encoded(string credentials) =>
        _encodesCredentials ? Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials)) : credentials;
}
