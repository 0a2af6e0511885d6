using System.Collections.Concurrent;
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
    private readonly ConcurrentDictionary<int, bool> _nodes;
    private readonly Task _probing;

    /// <param name="ports">Of nodes that are ready now.</param>
    public Balancer(int[] ports)
    {
        _nodes = new(ports.Select(port => KeyValuePair.Create(port, true)));
        _probing = Task.WhenAll(ports.Select(ProbeAsync)); // a slow answer says nothing of the other nodes
    }

    public int[] Ready => [.. _nodes.Where(node => node.Value).Select(node => node.Key)];

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _probing;
        _http.Dispose();
        _stopping.Dispose();
    }

    private async Task ProbeAsync(int port)
    {
        using var timer = new PeriodicTimer(Period);
        while (!_stopping.IsCancellationRequested)
        {
            _nodes[port] = await IsReadyAsync(port) ?? _nodes[port];
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    /// <returns>Null without an answer in time: on a busy machine that says nothing.</returns>
    private async Task<bool?> IsReadyAsync(int port)
    {
        try
        {
            using var answer = await _http.GetAsync($"http://127.0.0.1:{port}/health/ready");
            return answer.IsSuccessStatusCode;
        }
        catch (TaskCanceledException)
        {
            return null;
        }
        catch (Exception e) when (e is HttpRequestException or SocketException)
        {
            return false;
        }
    }
}
