using System.Net.Http.Headers;
using System.Text;

namespace AkkaCharging.Peers;

/// <summary>Looks a token up and posts the decision, once.</summary>
/// <param name="aclFile">The service's own format; the peers read the first column of it.</param>
internal sealed class CallbackClient(string aclFile)
{
    private static readonly MediaTypeHeaderValue Json = new("application/json");
    private readonly HashSet<string> _allowed = File.ReadLines(aclFile)
        .Skip(1)
        .Select(line => line[..line.IndexOf(',', StringComparison.Ordinal)])
        .ToHashSet(StringComparer.Ordinal);
    private readonly HttpClient _http = new(
        new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ActivityHeadersPropagator = null,
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        }
    )
    {
        Timeout = TimeSpan.FromSeconds(10),
    };

    /// <returns>The answer's status.</returns>
    /// <exception cref="HttpRequestException">There was no answer.</exception>
    /// <exception cref="TaskCanceledException">There was none within 10 s.</exception>
    public async Task<int> PostAsync(Accepted accepted)
    {
        var status = _allowed.Contains(accepted.DriverToken) ? "allowed" : "not_allowed";
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        var (station, token) = (accepted.StationId, accepted.DriverToken);
        var body = Encoding.ASCII.GetBytes(
            $$"""{"station_id":"{{station}}","driver_token":"{{token}}","status":"{{status}}","timestamp":{{now}}}"""
        );
        using var message = new HttpRequestMessage(HttpMethod.Post, accepted.Callback)
        {
            Content = new ByteArrayContent(body),
        };
        message.Content.Headers.ContentType = Json;
        message.Headers.TryAddWithoutValidation("webhook-id", accepted.RequestId);
        using var response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead);
        return (int)response.StatusCode;
    }
}
