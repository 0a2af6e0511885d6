using System.Net.Http.Headers;
using System.Text;
using System.Threading.Channels;

namespace AkkaCharging.Peers;

/// <summary>The bare peer's other half: a bounded channel and 64 loops, each with one callback under way.</summary>
/// <remarks>
/// What it leaves out is the point of it: nothing is on disk, a failed callback is gone, one hanging receiver holds
/// loops for 10 s each, there is no address policy, no signature, no age limit, no audit and no metric.
/// </remarks>
internal sealed class Deliveries
{
    private const int Capacity = 10_000; // as queue.maxSize
    private const int Loops = 64;
    private static readonly MediaTypeHeaderValue Json = new("application/json");
    private readonly Channel<Accepted> _channel = Channel.CreateBounded<Accepted>(
        new BoundedChannelOptions(Capacity) { FullMode = BoundedChannelFullMode.Wait }
    );
    private readonly HashSet<string> _allowed;
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

    /// <param name="aclFile">The service's own format; the peer reads the first column of it.</param>
    public Deliveries(string aclFile)
    {
        _allowed = File.ReadLines(aclFile)
            .Skip(1)
            .Select(line => line[..line.IndexOf(',', StringComparison.Ordinal)])
            .ToHashSet(StringComparer.Ordinal);
        for (var i = 0; i < Loops; i++)
            _ = Task.Run(DeliverAsync);
    }

    public bool TryTake(Accepted accepted) => _channel.Writer.TryWrite(accepted);

    private async Task DeliverAsync()
    {
        await foreach (var accepted in _channel.Reader.ReadAllAsync())
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
            try
            {
                using var response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead);
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                // No guarantees: it is gone.
            }
        }
    }
}
