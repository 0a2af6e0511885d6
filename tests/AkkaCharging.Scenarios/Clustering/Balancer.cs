using System.Net.Sockets;

namespace AkkaCharging.Scenarios.Clustering;

/// <summary>Knows which nodes are ready, as a load balancer does.</summary>
internal sealed class Balancer : IAsyncDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _stopping = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false })
    {
        Timeout = TimeSpan.FromSeconds(1),
    };
    private readonly Task _probing;
    private volatile int[] _ready;

    /// <param name="ports">Of nodes that are ready now.</param>
    public Balancer(int[] ports)
    {
        _ready = ports;
        _probing = ProbeAsync(ports);
    }

    public int[] Ready => _ready;

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _probing;
        _http.Dispose();
        _stopping.Dispose();
    }

    private async Task ProbeAsync(int[] ports)
    {
        using var timer = new PeriodicTimer(Period);
        while (!_stopping.IsCancellationRequested)
        {
            var ready = await Task.WhenAll(ports.Select(IsReadyAsync));
            _ready = [.. ports.Where((_, index) => ready[index])];
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    private async Task<bool> IsReadyAsync(int port)
    {
        try
        {
            using var answer = await _http.GetAsync($"http://127.0.0.1:{port}/health/ready");
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or TaskCanceledException)
        {
            return false;
        }
    }
}
