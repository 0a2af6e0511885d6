using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>A submission that was answered with 200.</summary>
/// <param name="Number">Also the last segment of its callback's path: so a callback tells whose it is, even when nobody saw the answer.</param>
internal sealed record Accepted(int Number, string RequestId, string Token);

/// <summary>Clients that submit all the time, whatever becomes of the service, and remember each answer.</summary>
internal sealed class ClientLoad
{
    public const string UnlistedToken = "unlisted-driver-token-0001";
    private const int Clients = 8;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(10);

    /// <summary>While nothing is accepted: slower, so that vain attempts do not take the machine from the restart.</summary>
    private static readonly TimeSpan VainPace = TimeSpan.FromMilliseconds(100);
    private static readonly string[] Tokens = [ScenarioFolder.AllowedToken, ScenarioFolder.BlockedToken, UnlistedToken];

    private readonly CancellationTokenSource _stopping = new();
    private readonly HttpClient _http;
    private readonly string[] _urls;
    private readonly Task _running;
    private int _last;
    private int _inDoubt;

    /// <param name="urls">Without the number that is appended.</param>
    public ClientLoad(int port, params string[] urls)
    {
        _urls = urls;
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(30) };
        _running = Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(SubmitAsync)));
    }

    public ConcurrentQueue<Accepted> Accepted { get; } = new();

    /// <summary>Numbers of submissions that were refused, and why: <c>status</c> of the answer.</summary>
    public ConcurrentDictionary<int, string> Refused { get; } = new();

    /// <summary>Submissions whose connection was lost, or never made.</summary>
    public int InDoubt => _inDoubt;

    /// <summary>Waits for the answers that are still to come.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        _http.Dispose();
    }

    private async Task SubmitAsync()
    {
        using var pace = new PeriodicTimer(Pace);
        while (!_stopping.IsCancellationRequested)
        {
            await pace.WaitForNextTickAsync(CancellationToken.None);
            var number = Interlocked.Increment(ref _last);
            var token = Tokens[number % Tokens.Length];
            var isAccepted = false;
            try
            {
                using var answer = await _http.PostAsJsonAsync(
                    ServiceProcess.SubmitPath,
                    new { stationId = RunningService.Station, driverToken = token, callbackUrl = $"{_urls[number % _urls.Length]}/{number}" },
                    CancellationToken.None);
                var body = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken.None);
                isAccepted = answer.IsSuccessStatusCode;
                if (isAccepted)
                    Accepted.Enqueue(new(number, body.GetProperty("requestId").GetString()!, token));
                else
                    Refused[number] = body.GetProperty("status").GetString()!;
            }
            catch (Exception e) when (e is HttpRequestException or IOException or TaskCanceledException)
            {
                Interlocked.Increment(ref _inDoubt);
            }

            pace.Period = isAccepted ? Pace : VainPace;
        }
    }
}
