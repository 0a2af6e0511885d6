using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>A submission that was answered with 200.</summary>
/// <param name="Number">Also the last segment of its callback's path: so a callback identifies its submission, even
/// when the answer was lost.</param>
internal sealed record Accepted(int Number, string RequestId, string Token);

/// <summary>How an answer came.</summary>
/// <param name="At">When it was asked for: a timestamp of <see cref="Stopwatch"/>.</param>
internal sealed record Answered(int Port, long At, TimeSpan Took, HttpStatusCode Status);

/// <summary>Clients that submit continuously, whatever happens to the service, and remember each answer.</summary>
internal sealed class ClientLoad
{
    public const string UnlistedToken = "unlisted-driver-token-0001";
    private const int Clients = 8;

    /// <summary>Retries come soon, and no receiver is given up because it fails twice each time.</summary>
    public static readonly (string Name, string Value)[] Unhurried =
    [
        ("CALLBACK_RETRY_DELAY_MILLIS", "100"),
        ("CALLBACK_DESTINATION_BREAKER_ENABLED", "false"),
        ("AUTHORIZATION_THROTTLE_ELEMENTS", "0"),
    ];

    /// <summary>
    /// What is measured is measured under a heavy load; for the rest a twelfth of it does, and leaves processors to the
    /// nodes that start meanwhile.
    /// </summary>
    private static readonly TimeSpan Usual = TimeSpan.FromMilliseconds(Measurement.IsOn ? 10 : 120);

    /// <summary>Of clients of three nodes, which share the processors with them.</summary>
    public static readonly TimeSpan PaceOfNodes = TimeSpan.FromMilliseconds(Measurement.IsOn ? 10 : 300);

    /// <summary>
    /// While nothing is accepted: slower, so that failing attempts do not take processor time from the restart.
    /// </summary>
    private static readonly TimeSpan VainPace = TimeSpan.FromMilliseconds(Measurement.IsOn ? 100 : 400);
    private static readonly string[] Tokens = [ScenarioFolder.AllowedToken, ScenarioFolder.BlockedToken, UnlistedToken];

    private readonly CancellationTokenSource _stopping = new();
    private readonly HttpClient _http;
    private readonly Func<int[]> _ports;
    private readonly string[] _urls;
    private readonly Task _running;
    private int _last;
    private int _inDoubt;
    private int _unreached;

    /// <param name="urls">Without the number that is appended.</param>
    public ClientLoad(int port, params string[] urls)
        : this(() => [port], urls) { }

    /// <param name="ports">Of nodes, which each client asks in turn.</param>
    /// <param name="urls">Without the number that is appended.</param>
    public ClientLoad(int[] ports, params string[] urls)
        : this(() => ports, urls) { }

    /// <param name="ports">Of the nodes that a client may ask now.</param>
    /// <param name="urls">Without the number that is appended.</param>
    public ClientLoad(Func<int[]> ports, params string[] urls)
    {
        (_ports, _urls) = (ports, urls);
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            // Less than server.keepAliveMillis: a connection that the service is closing must not be used again.
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(10),
        };
        _http = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(30) };
        _running = Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(SubmitAsync)));
    }

    /// <summary>Time between two submissions of a client.</summary>
    public TimeSpan Pace { get; init; } = Usual;

    public ConcurrentQueue<Accepted> Accepted { get; } = new();

    /// <summary>Numbers of submissions that were refused, and why: <c>status</c> of the answer.</summary>
    public ConcurrentDictionary<int, string> Refused { get; } = new();

    /// <summary>When each number was accepted: a timestamp of <see cref="Stopwatch"/>.</summary>
    public ConcurrentDictionary<int, long> AcceptedAt { get; } = new();

    /// <summary>Answers of any kind.</summary>
    public ConcurrentQueue<Answered> Answers { get; } = new();

    /// <summary>Submissions whose connection was lost.</summary>
    public int InDoubt => _inDoubt;

    /// <summary>Submissions whose connection was refused.</summary>
    public int Unreached => _unreached;

    /// <summary>Waits until the given number of further submissions are accepted.</summary>
    /// <param name="within">Null for <see cref="Eventually.Patience"/>.</param>
    public Task MoreIsAcceptedAsync(int count, TimeSpan? within = null)
    {
        var enough = Accepted.Count + count;
        return Eventually.HoldsAsync(
            () => Task.FromResult(Accepted.Count >= enough),
            "submissions are accepted",
            within
        );
    }

    /// <summary>Waits for the answers that are still to come.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        _http.Dispose();
    }

    private async Task SubmitAsync()
    {
        using var pace = new PeriodicTimer(Usual);
        while (!_stopping.IsCancellationRequested)
        {
            await pace.WaitForNextTickAsync(CancellationToken.None);
            var number = Interlocked.Increment(ref _last);
            var token = Tokens[number % Tokens.Length];
            var ports = _ports();
            var port = ports[number % ports.Length];
            var startedAt = Stopwatch.GetTimestamp();
            var isAccepted = false;
            try
            {
                using var answer = await _http.PostAsJsonAsync(
                    $"http://127.0.0.1:{port}{ServiceProcess.SubmitPath}",
                    new
                    {
                        stationId = RunningService.Station,
                        driverToken = token,
                        callbackUrl = $"{_urls[number % _urls.Length]}/{number}",
                    },
                    CancellationToken.None
                );
                var body = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken.None);
                Answers.Enqueue(new(port, startedAt, Stopwatch.GetElapsedTime(startedAt), answer.StatusCode));
                isAccepted = answer.IsSuccessStatusCode;
                if (isAccepted)
                    AcceptedAt[number] = Stopwatch.GetTimestamp();
                if (isAccepted)
                    Accepted.Enqueue(new(number, body.GetProperty("requestId").GetString()!, token));
                else
                    Refused[number] = body.GetProperty("status").GetString()!;
            }
            catch (HttpRequestException e)
                when (e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused })
            {
                Interlocked.Increment(ref _unreached);
            }
            catch (Exception e)
                when (e is HttpRequestException or SocketException or IOException or TaskCanceledException)
            {
                Interlocked.Increment(ref _inDoubt);
            }

            pace.Period = isAccepted ? Pace : VainPace;
        }
    }
}
