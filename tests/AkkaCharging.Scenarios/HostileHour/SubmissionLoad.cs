using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>
/// Clients that submit all the time, whatever becomes of the service, look up what they submitted, and keep all that
/// they were answered.
/// </summary>
internal sealed class SubmissionLoad
{
    /// <summary>A driver token whose rule in the access list changes.</summary>
    public const string ChangingToken = "changing-driver-token-0001";

    private const int Clients = 6;

    /// <summary>Of so many submissions, one has a short life.</summary>
    private const int ShortLived = 8;
    private const int ShortLifeMillisMax = 3_000;

    /// <summary>Of so many answered 200 with a key, one is sent again.</summary>
    private const int Repeated = 10;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(30);
    private static readonly TimeSpan VainPace = TimeSpan.FromMilliseconds(100);

    private static readonly (string Driver, string[] Permitted)[] Tokens =
    [
        (ScenarioFolder.AllowedToken, ["allowed"]),
        (ScenarioFolder.BlockedToken, ["not_allowed"]),
        (ChangingToken, ["allowed", "not_allowed"]),
        (ClientLoad.UnlistedToken, Any),
    ];

    private readonly CancellationTokenSource _stopping = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false })
    {
        Timeout = TimeSpan.FromSeconds(30),
    };
    private readonly ConcurrentQueue<Submission> _submissions = new();
    private readonly ConcurrentQueue<ShownRequest> _lookUps = new();
    private readonly Func<int[]> _ports;
    private readonly Func<string> _apiKey;
    private readonly string[] _urls;
    private readonly Task _running;
    private volatile bool _isPaused;
    private int _last;
    private int _accepted;
    private int _busy;

    /// <param name="ports">Of the nodes that a client may ask now.</param>
    /// <param name="apiKey">The key that clients use now.</param>
    /// <param name="urls">Without the number that is appended.</param>
    public SubmissionLoad(Func<int[]> ports, Func<string> apiKey, int seed, params string[] urls)
    {
        (_ports, _apiKey, _urls) = (ports, apiKey, urls);
        _running = Task.WhenAll(
            Enumerable.Range(0, Clients).Select(client => Task.Run(() => RunAsync(new Random(seed + client))))
        );
    }

    /// <summary>Submissions that have ended.</summary>
    public IReadOnlyList<Submission> Submissions => [.. _submissions];

    /// <summary>Status pages in the order in which they were read.</summary>
    public IReadOnlyList<ShownRequest> LookUps => [.. _lookUps];

    private static string[] Any => ["allowed", "not_allowed", "unknown"];

    /// <summary>Waits until so many more are accepted.</summary>
    public Task MoreIsAcceptedAsync(int count)
    {
        var enough = Volatile.Read(ref _accepted) + count;
        return Eventually.HoldsAsync(() => Volatile.Read(ref _accepted) >= enough, "submissions are accepted");
    }

    /// <summary>Waits for the answers that are still to come, and submits nothing until <see cref="Resume"/>.</summary>
    public Task PauseAsync()
    {
        _isPaused = true;
        return Eventually.HoldsAsync(() => Volatile.Read(ref _busy) == 0, "the last answers have come");
    }

    public void Resume() => _isPaused = false;

    /// <summary>Waits for the answers that are still to come.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        _http.Dispose();
    }

    private async Task RunAsync(Random random)
    {
        using var pace = new PeriodicTimer(Pace);
        string? followed = null;
        while (!_stopping.IsCancellationRequested)
        {
            await pace.WaitForNextTickAsync(CancellationToken.None);
            Interlocked.Increment(ref _busy);
            if (!_isPaused)
            {
                var submission = await SubmitAsync(Interlocked.Increment(ref _last), random, pace);
                _submissions.Enqueue(submission);
                if (followed is not null)
                    await LookUpAsync(followed);
                // By this client alone, so that its pages are kept in the order in which they were read.
                followed = submission.AcceptedIds.LastOrDefault() ?? followed;
            }

            Interlocked.Decrement(ref _busy);
        }
    }

    /// <summary>Submits, and with an idempotency key again until it is accepted.</summary>
    private async Task<Submission> SubmitAsync(int number, Random random, PeriodicTimer pace)
    {
        var (driver, permitted) = Tokens[number % Tokens.Length];
        int? validFor = random.Next(ShortLived) == 0 ? random.Next(1_000, ShortLifeMillisMax) : null;
        var key = random.Next(2) == 0 ? null : $"submission-{number}";
        var body = new
        {
            stationId = RunningService.Station,
            driverToken = driver,
            callbackUrl = $"{_urls[random.Next(_urls.Length)]}/{number}",
            validForMillis = validFor,
        };
        var attempts = new List<SubmitAttempt>();
        do
        {
            if (attempts.Count > 0)
                await pace.WaitForNextTickAsync(CancellationToken.None);
            attempts.Add(await SendAsync(body, key, number + attempts.Count));
            pace.Period = attempts[^1].End == SubmitEnd.Accepted ? Pace : VainPace;
        } while (key is not null && !IsEnough() && !_stopping.IsCancellationRequested);

        if (attempts.Exists(attempt => attempt.End == SubmitEnd.Accepted))
            Interlocked.Increment(ref _accepted);
        // With a short life, a decision may not come in time.
        return new(number, validFor is null ? permitted : Any, MayExpire: validFor is not null, attempts);

        bool IsEnough() => attempts[^1].End == SubmitEnd.Accepted && (attempts.Count > 1 || number % Repeated != 0);
    }

    private async Task<SubmitAttempt> SendAsync(object body, string? key, int turn)
    {
        using var request = Request(HttpMethod.Post, "", turn);
        request.Content = JsonContent.Create(body);
        if (key is not null)
            request.Headers.Add("Idempotency-Key", key);
        try
        {
            using var answer = await _http.SendAsync(request);
            var said = await answer.Content.ReadFromJsonAsync<JsonElement>();
            return answer.IsSuccessStatusCode
                ? new(SubmitEnd.Accepted, RequestId: said.GetProperty("requestId").GetString()!)
                : new(SubmitEnd.Refused, Refusal: said.GetProperty("status").GetString()!);
        }
        catch (HttpRequestException e)
            when (e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused })
        {
            return new(SubmitEnd.Unreached);
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or IOException or TaskCanceledException)
        {
            return new(SubmitEnd.Lost);
        }
    }

    private async Task LookUpAsync(string id)
    {
        using var request = Request(HttpMethod.Get, "/" + id, turn: id[^1]);
        try
        {
            using var answer = await _http.SendAsync(request);
            if (answer.IsSuccessStatusCode)
                _lookUps.Enqueue(HistoryReader.Shown(await answer.Content.ReadFromJsonAsync<JsonElement>()));
            else if (answer.StatusCode == HttpStatusCode.NotFound)
                _lookUps.Enqueue(new(id, "not found", Decision: null, []));
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or IOException or TaskCanceledException)
        {
            // Nobody answers at the moment.
        }
    }

    private HttpRequestMessage Request(HttpMethod method, string path, int turn)
    {
        var ports = _ports();
        var request = new HttpRequestMessage(
            method,
            $"http://127.0.0.1:{ports[turn % ports.Length]}{ServiceProcess.SubmitPath}{path}"
        );
        request.Headers.Add("X-Api-Key", _apiKey());
        return request;
    }
}
