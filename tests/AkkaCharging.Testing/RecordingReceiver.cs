using System.Globalization;
using System.Net.Http.Json;
using AkkaCharging.ReceiverProcesses;

namespace AkkaCharging.Testing;

/// <summary>
/// A callback receiver in this process; <see cref="ReceiverServer"/> says what its paths do. A test that measures what
/// the service does, or has the receiver stand still, takes a <see cref="ReceiverProcess"/>.
/// </summary>
internal class RecordingReceiver : IAsyncDisposable
{
    private readonly IAsyncDisposable _server;
    private readonly HttpClient _http;

    protected RecordingReceiver(IAsyncDisposable server, IReadOnlyList<string> addresses)
    {
        _server = server;
        Addresses = addresses;
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(addresses[0]) };
    }

    /// <summary>Scheme, host and port of each listener: a destination of its own to the service.</summary>
    public IReadOnlyList<string> Addresses { get; }

    public static async Task<RecordingReceiver> StartAsync(int port = 0)
    {
        var server = await ReceiverServer.StartAsync(port, listeners: 1);
        return new(server, [.. server.Addresses]);
    }

    /// <summary>A callback URL with <paramref name="path"/>.</summary>
    public string Url(string path = "/ok") => _http.BaseAddress!.GetLeftPart(UriPartial.Authority) + path;

    /// <summary>What arrived so far, in order.</summary>
    public async Task<IReadOnlyList<Arrival>> ReceivedAsync() =>
        (await _http.GetFromJsonAsync<List<Arrival>>("/received"))!;

    /// <summary>How many callbacks were answered so far.</summary>
    public async Task<int> CountAsync() =>
        int.Parse(await _http.GetStringAsync("/received/count"), CultureInfo.InvariantCulture);

    /// <summary>Lets everything go that waits at <c>/gate</c>.</summary>
    public async Task OpenGateAsync() => (await _http.PostAsync("/open", content: null)).Dispose();

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _server.DisposeAsync();
    }
}
