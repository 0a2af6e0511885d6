using System.Buffers;
using System.Net;
using System.Text.Json;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Connections;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Ocpi;

/// <summary>
/// Asks one partner over OCPI whether a driver may charge (real-time authorization of the tokens module).
/// </summary>
/// <remarks>
/// Errors, all <see cref="AuthorizerUnavailableException"/>. These count for the circuit breaker: no connection, a
/// broken one, no answer in time, HTTP 408, 429 and 5xx, the status codes 3xxx, 4002 and 4003. Other answers that are
/// neither yes nor no do not count, because the partner is available. Only a connection that failed before anything was
/// sent is retried, by this class and not by the guard: a question that may have arrived is not repeated. No message
/// contains a token, a URL or text of the partner. A cancelled call throws <see cref="OperationCanceledException"/>.
/// </remarks>
internal sealed class OcpiPartnerAuthorizer : IAuthorizer, IReportsMisconfiguration, IDisposable
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(100);

    private readonly OcpiPartnerSettings _partner;
    private readonly OcpiVersion _version;
    private readonly TimeSpan _attemptTimeout;
    private readonly int _maxRetries;
    private readonly TimeProvider _time;
    private readonly OcpiClient _client;
    private readonly OcpiEndpoint _endpoint;
    private readonly Func<string?> _credentialsProblem;
    private volatile string? _misconfiguration;

    /// <param name="credentials">Returns the current credentials token issued by the partner.</param>
    /// <param name="credentialsProblem">Returns why that token is older than its file; null when it is not.</param>
    public OcpiPartnerAuthorizer(
        OcpiSettings settings,
        OcpiPartnerSettings partner,
        Func<string> credentials,
        Func<string?> credentialsProblem,
        TimeProvider time,
        ConfiguredHosts hosts
    )
    {
        (_partner, _credentialsProblem, _time) = (partner, credentialsProblem, time);
        (_attemptTimeout, _maxRetries) = (settings.AttemptTimeout, settings.MaxRetries);
        _version = OcpiVersion.Of(settings.Version);
        _client = new OcpiClient(_version, settings, partner, credentials, hosts);
        _endpoint = new OcpiEndpoint(_client, _version, partner, _attemptTimeout, time);
    }

    /// <inheritdoc/>
    public string? Misconfiguration => _misconfiguration ?? _credentialsProblem();

    /// <inheritdoc/>
    public async ValueTask<AuthorizerAnswer> AuthorizeAsync(
        AuthorizationQuery query,
        CancellationToken cancellationToken
    )
    {
        for (var retriesLeft = _maxRetries; ; retriesLeft--)
        {
            try
            {
                return await AttemptAsync(query, cancellationToken);
            }
            catch (OcpiException e) when (e.Blame == OcpiBlame.Connection && retriesLeft > 0)
            {
                await Task.Delay(RetryDelay, _time, cancellationToken);
            }
            catch (OcpiException e)
            {
                throw Unavailable(e);
            }
        }
    }

    /// <summary>Checks the credentials and the URL with the partner, without a question about a driver.</summary>
    /// <returns>What has to be corrected; null for nothing.</returns>
    public async Task<string?> CheckAsync(CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(_attemptTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            if (_partner.TokensUrl is null)
                await _endpoint.DiscoverAsync(cancellationToken);
            else
                await CheckTokensUrlAsync(_partner.TokensUrl, either.Token);
            return null;
        }
        catch (OcpiException e)
        {
            return Message(e.Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Message($"did not answer within {_attemptTimeout.TotalMilliseconds} ms");
        }
    }

    /// <summary>Closes the connections.</summary>
    public void Dispose()
    {
        _endpoint.Dispose();
        _client.Dispose();
    }

    private async Task<AuthorizerAnswer> AttemptAsync(AuthorizationQuery query, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(_attemptTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return await AskAsync(query, either.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new OcpiException(
                $"did not answer within {_attemptTimeout.TotalMilliseconds} ms",
                OcpiBlame.Partner,
                e
            );
        }
    }

    private async Task<AuthorizerAnswer> AskAsync(AuthorizationQuery query, CancellationToken cancellationToken)
    {
        var addressee = OcpiRouter.AddresseeOf(_partner, query.Identity);
        var location =
            _partner.Location == OcpiLocation.Never || query.Mapping?.LocationId is null ? null : query.Mapping;
        var tokens = await _endpoint.GetAsync(cancellationToken);
        var reply = await _client.PostAsync(
            UrlOf(tokens, query.Identity),
            location is null ? null : BodyOf(location),
            $"{query.RequestId}",
            addressee,
            cancellationToken
        );
        // The OCPI specification lets a partner report an unknown token with 200 in one place and with 404 in another.
        if (reply.Code == OcpiReply.UnknownToken)
        {
            _misconfiguration = null;
            return AuthorizerAnswer.Deny(DenialReason.UnknownToken);
        }

        var info = reply.Require(_endpoint.Setting);
        var answer = OcpiAuthorization.Read(info, _version, query, location, addressee);
        _misconfiguration = null;
        return answer;
    }

    private AuthorizerUnavailableException Unavailable(OcpiException cause)
    {
        var message = Message(cause.Message);
        if (cause.Blame == OcpiBlame.Settings)
        {
            _misconfiguration = message;
            _endpoint.Doubt();
        }

        return new AuthorizerUnavailableException(message, isTransient: false, cause.InnerException)
        {
            IsFault = cause.Blame is OcpiBlame.Partner or OcpiBlame.Connection,
        };
    }

    /// <summary>
    /// Requests the tokens changed after tomorrow: the list is empty, but credentials and URL have to be right.
    /// </summary>
    private async Task CheckTokensUrlAsync(Uri tokens, CancellationToken cancellationToken)
    {
        var tomorrow = _time.GetUtcNow().AddDays(1);
        var url = new UriBuilder(tokens)
        {
            Query = Join(tokens.Query, $"date_from={tomorrow:yyyy-MM-ddTHH:mm:ssZ}&limit=1"),
        };
        var reply = await _client.GetAsync(url.Uri, cancellationToken);
        // A partner that does not share its token list says so in an envelope, after accepting the credentials.
        if (reply.Code is null || reply.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
            reply.Require("tokensUrl");
    }

    private string Message(string what) => $"OCPI partner {_partner.Name} {what}";

    private Uri UrlOf(Uri tokens, TokenIdentity identity)
    {
        var type = _version.TypeOf(identity.Type ?? _partner.TokenType);
        return new UriBuilder(tokens)
        {
            // Partners list endpoints with and without a trailing slash, and may reject two slashes in a row.
            Path = $"{tokens.AbsolutePath.TrimEnd('/')}/{Uri.EscapeDataString(identity.WrittenUid)}/authorize",
            Query = Join(tokens.Query, $"type={Uri.EscapeDataString(type)}"),
        }.Uri;
    }

    private static string Join(string query, string more) => query.Length > 1 ? $"{query}&{more}" : more;

    private static byte[] BodyOf(StationMapping location)
    {
        var body = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("location_id", location.LocationId);
            json.WriteStartArray("evse_uids"); // also when empty: some partners require the field
            foreach (var uid in location.EvseUids)
                json.WriteStringValue(uid);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return body.WrittenSpan.ToArray();
    }
}
