using System.Net;
using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Host.Http;
using AkkaCharging.Metrics;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Admin;

/// <summary>
/// Admits holders of <c>management.token</c>; without a token, programs on this machine that no web page directed here.
/// The console's files hold no data and need no token.
/// </summary>
/// <remarks>
/// A page that has its own name resolve to 127.0.0.1 (DNS rebinding) is known by the name in its <c>Host</c> header.
/// What a form or a script can send across sites without asking first is never <c>application/json</c>, which every
/// change has to be; asked first (CORS), this listener never agrees.
/// </remarks>
internal sealed partial class OperatorAccess(ManagementSettings settings, ILogger<OperatorAccess> logger)
{
    private readonly byte[]? _token = settings.Token.Length > 0 ? Hash(settings.Token) : null;

    /// <summary>How operators are authenticated: <c>token</c> or <c>loopback</c>.</summary>
    public string Means => _token is null ? "loopback" : "token";

    /// <summary>Rejects a request that is not allowed; calls <paramref name="next"/> for any other.</summary>
    public async Task CheckAsync(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        if (
            _token is not null
            && !ConsolePage.IsAskedForBy(request)
            && !CryptographicOperations.FixedTimeEquals(_token, Hash(ApiKeys.BearerOf(request)))
        )
        {
            LogRefused(context.Connection.RemoteIpAddress, "token");
            context.Response.Headers.WWWAuthenticate = "Bearer";
            await context.WriteErrorAsync(
                StatusCodes.Status401Unauthorized,
                AnswerStatus.Unauthorized,
                "The operators' token is missing or wrong."
            );
        }
        else if (_token is null && !IsThisMachine(request.Host.Host))
        {
            LogRefused(context.Connection.RemoteIpAddress, "Host header");
            await context.WriteErrorAsync(
                StatusCodes.Status403Forbidden,
                AnswerStatus.Forbidden,
                "The Host header must name this machine: localhost, 127.0.0.1 or [::1]."
            );
        }
        else if (IsChange(request.Method) && !BodyReader.IsJson(request))
        {
            await context.WriteErrorAsync(
                StatusCodes.Status415UnsupportedMediaType,
                AnswerStatus.UnsupportedMediaType,
                "The content type must be application/json in UTF-8, also of an empty body."
            );
        }
        else if (IsChange(request.Method) && !BodyReader.IsPlain(request))
        {
            await context.WriteEncodingProblemAsync();
        }
        else
        {
            await next(context);
        }
    }

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    private static bool IsThisMachine(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));

    private static bool IsChange(string method) =>
        !HttpMethods.IsGet(method) && !HttpMethods.IsHead(method) && !HttpMethods.IsOptions(method);

    [LoggerMessage(
        1302,
        LogLevel.Warning,
        "Rejected a request from {Remote} to the operators' listener by its {Reason}"
    )]
    private partial void LogRefused(IPAddress? remote, string reason);
}
