using System.Net;
using AkkaCharging.Host.Http;
using AkkaCharging.Metrics;
using AkkaCharging.Settings;
using Microsoft.AspNetCore.Http.Features;

namespace AkkaCharging.Host.Admin;

/// <summary>
/// Admits holders of <c>management.token</c> and of the tokens of <c>management.operators</c>. Without any token, it
/// admits programs on this machine, but no web page that is open there. The console's files contain no data and need no
/// token.
/// </summary>
/// <remarks>
/// A web page whose name resolves to 127.0.0.1 (DNS rebinding) is recognized by that name in the <c>Host</c> header. A
/// form or script of another site can send without a preflight (CORS) only content types other than
/// <c>application/json</c>, which every change must have; a preflight is never granted.
/// </remarks>
internal sealed partial class OperatorAccess(
    ManagementSettings settings,
    ListenerWrongKeys wrongKeys,
    TimeProvider time,
    ILogger<OperatorAccess> logger
)
{
    /// <summary>The operator on this machine, where no token is needed.</summary>
    private static readonly Operator OfThisMachine = new(OperatorSettings.OfThisMachine, MayChange: true);

    private readonly KeyHashes<Operator> _tokens = new([
        .. settings.Operators.Select(entry =>
            (Convert.FromHexString(entry.Sha256), new Operator(entry.Name, entry.Access == OperatorRight.Write))
        ),
        .. settings.Token.Length > 0
            ? [(KeyHash.Of(settings.Token), new Operator(OperatorSettings.OfToken, MayChange: true))]
            : Array.Empty<(byte[], Operator)>(),
    ]);

    private readonly OnceAMinute _tokenLines = new(time);
    private readonly OnceAMinute _hostLines = new(time);
    private readonly OnceAMinute _roleLines = new(time);

    /// <summary>
    /// Returns the operator of an admitted request: a name of <c>management.operators</c>, <c>token</c> for
    /// <c>management.token</c>, or <c>loopback</c>.
    /// </summary>
    public static string OperatorOf(HttpContext context) => context.Features.GetRequiredFeature<Operator>().Name;

    /// <summary>Rejects a request that is not allowed; calls <paramref name="next"/> for any other.</summary>
    public async Task CheckAsync(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        var address = context.Connection.RemoteIpAddress;
        var token = ApiKeys.BearerOf(request);
        var isGuess = _tokens.Count > 0 && token.Length > 0 && !ConsolePage.IsAskedForBy(request);
        if (isGuess && wrongKeys.Operators.WaitOf(address) is { } wait)
        {
            await context.WriteDelayedAsync(wait);
            return;
        }

        var admitted = _tokens.Count > 0 ? _tokens.OwnerOf(token) : OfThisMachine;
        if (admitted is null && !ConsolePage.IsAskedForBy(request))
        {
            if (isGuess)
                wrongKeys.Operators.Add(address);
            LogRefused(_tokenLines, address, "token");
            context.Response.Headers.WWWAuthenticate = "Bearer";
            await context.WriteErrorAsync(
                StatusCodes.Status401Unauthorized,
                AnswerStatus.Unauthorized,
                "The operators' token is missing or wrong."
            );
        }
        else if (admitted == OfThisMachine && !IsThisMachine(request.Host.Host))
        {
            LogRefused(_hostLines, address, "Host header");
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
                "The content type must be application/json in UTF-8, even for an empty body."
            );
        }
        else if (IsChange(request.Method) && !BodyReader.IsPlain(request))
        {
            await context.WriteEncodingProblemAsync();
        }
        else if (IsChange(request.Method) && admitted?.MayChange != true)
        {
            LogRefused(_roleLines, address, "role");
            await context.WriteErrorAsync(
                StatusCodes.Status403Forbidden,
                AnswerStatus.Forbidden,
                "This operator has read access only (access = read in management.operators)."
            );
        }
        else
        {
            context.Features.Set(admitted);
            await next(context);
        }
    }

    private static bool IsThisMachine(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));

    private static bool IsChange(string method) =>
        !HttpMethods.IsGet(method) && !HttpMethods.IsHead(method) && !HttpMethods.IsOptions(method);

    private void LogRefused(OnceAMinute lines, IPAddress? remote, string reason)
    {
        if (lines.TryTake(out var leftOut))
            LogRefused(remote, reason, leftOut);
    }

    [LoggerMessage(
        1302,
        LogLevel.Warning,
        "Rejected a request from {Remote} to the operators' listener because of its {Reason}, and {LeftOut} others "
            + "since the last such line"
    )]
    private partial void LogRefused(IPAddress? remote, string reason, long leftOut);

    private sealed record Operator(string Name, bool MayChange);
}
