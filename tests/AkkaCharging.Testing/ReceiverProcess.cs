using System.Globalization;
using System.Net.Http.Json;
using AkkaCharging.ReceiverProcesses;

namespace AkkaCharging.Testing;

/// <summary>
/// A callback receiver in a process of its own; <see cref="ReceiverProgram"/> says what its paths do.
/// </summary>
internal sealed class ReceiverProcess : IAsyncDisposable
{
    private readonly ChildProcess _process;
    private readonly HttpClient _http;

    private ReceiverProcess(ChildProcess process, IReadOnlyList<string> addresses)
    {
        _process = process;
        Addresses = addresses;
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(addresses[0]) };
    }

    /// <summary>Scheme, host and port of each listener: a destination of its own to the service.</summary>
    public IReadOnlyList<string> Addresses { get; }

    public static async Task<ReceiverProcess> StartAsync(int port = 0, int listeners = 1)
    {
        var executable = Path.Combine(AppContext.BaseDirectory, "AkkaCharging.Receiver.dll");
        var process = ChildProcess.Start(
            [executable, port.ToString(CultureInfo.InvariantCulture), listeners.ToString(CultureInfo.InvariantCulture)],
            AppContext.BaseDirectory
        );
        await Eventually.HoldsAsync(() => process.Output.Count > 0 || process.HasExited, "the receiver listens");
        return process.Output.FirstOrDefault() is { } addresses
            ? new ReceiverProcess(process, addresses.Split(' '))
            : throw new InvalidOperationException($"The receiver did not start:\n{process.Everything}");
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

    /// <summary>Has it stand still until <see cref="Resume"/>.</summary>
    public void Suspend() => _process.Suspend();

    public void Resume() => _process.Resume();

    /// <summary>Ends it at once.</summary>
    public Task CrashAsync() => _process.CrashAsync();

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _process.DisposeAsync();
    }
}
