using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Otlp;
using Microsoft.AspNetCore.Http;

namespace AkkaCharging.Scenarios;

/// <summary>
/// The service process with everything switched on: no output contains a driver token, the path of a URL or a secret of
/// the settings, however callers place them.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class CanaryTests : IDisposable
{
    private const string Token = "canary-driver-token-0001";
    private const string ApiKey = "canary-api-key-0001";
    private const string OperatorToken = "canary-operator-token-0001";
    private const string BearerToken = "canary-bearer-token-0001";
    private const string IdempotencyKey = "canary-idempotency-key-0001";
    private const string UrlPart = "canary-url-path-0001";

    // A card number: half of it would be enough to guess the rest.
    private const string ShortToken = "q7ZxK9wV";
    private const string Reference = "canary-reference-0001";
    private const string Shown = "canary-text-0001";
    private static readonly string SigningKey =
        "whsec_" + Convert.ToBase64String(Encoding.ASCII.GetBytes("canary-signing-key-0123456789"));
    private static readonly string EncryptionKey = Convert.ToBase64String(
        Encoding.ASCII.GetBytes("canary-encryption-key-0123456789")
    );

    /// <summary>What a back end answers, and what a partner does over OCPI.</summary>
    private static readonly byte[] Allowed =
    [
        .. """{"status":"allowed","status_code":1000,"data":{"allowed":"ALLOWED","""u8,
        .. """ "authorization_reference":"canary-reference-0001","""u8,
        .. """ "info":{"language":"en","text":"canary-text-0001"}}}"""u8,
    ];

    /// <summary>The word in each of them, and what of them is no text.</summary>
    private static readonly string[] Canaries =
    [
        "canary",
        ShortToken,
        ShortToken[..4],
        SigningKey["whsec_".Length..],
        EncryptionKey,
    ];

    private readonly ScenarioFolder _folder = new();
    private readonly List<string> _answers = [];
    private int _told;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("acl")]
    [InlineData("http")]
    [InlineData("ocpi")]
    public async Task NoOutputHoldsASecret_AndEachLineAboutARequestNamesIt(string provider)
    {
        await using var collector = await OtlpCollector.StartAsync();
        await using var receiver = await CallbackReceiver.StartAsync();
        await using var authorizer = await CallbackReceiver.StartAsync();
        receiver.RespondWith(
            (context, callback) =>
                AnswerAsync(
                    context,
                    callback.Path.EndsWith("fails", StringComparison.Ordinal) ? 500 : 204,
                    callback.Body
                )
        );
        WriteSettings(provider, $"{authorizer.Url}/{UrlPart}");
        var settings = ScenarioFolder.Settings(collector.Settings);
        settings["OTEL_EXPORTER_OTLP_ENDPOINT"] += $"/{UrlPart}";
        await using var service = await ServiceProcess.StartAsync(
            settings,
            _folder.Path,
            ["--config", "everything.conf"]
        );
        using var operators = new HttpClient(new SocketsHttpHandler { UseProxy = false })
        {
            BaseAddress = await service.ManagementAddressAsync(),
        };

        authorizer.RespondWith((context, _) => AnswerAsync(context, 200, Allowed));
        var accepted = new List<string>
        {
            await AcceptAsync(service, $"{receiver.Url}/{UrlPart}?key={UrlPart}"),
            await AcceptAsync(service, $"{receiver.Url}/{UrlPart}/fails"),
            await AcceptAsync(service, $"http://127.0.0.1:1/{UrlPart}"),
            await AcceptAsync(service, $"{receiver.Url}/{UrlPart}", ShortToken),
        };
        await AskAtOnceAsync(service, provider);
        await SettledAsync(service, accepted.Count);
        // and writes the token back, which over OCPI stands in the URL
        authorizer.RespondWith(
            (context, question) =>
                AnswerAsync(context, 500, [.. question.Body, .. Encoding.UTF8.GetBytes(question.Path)])
        );
        accepted.Add(await AcceptAsync(service, $"{receiver.Url}/{UrlPart}"));
        await SettledAsync(service, accepted.Count);
        accepted.Add(
            IdOf(
                await SendAsync(
                    service.Http,
                    Post(Body(receiver.Url), $"{ServiceProcess.SubmitPath}?driverToken={Token}&{Token}")
                )
            )
        );
        await MisplaceAsync(service, receiver.Url);
        await OperateAsync(operators, accepted[1]);
        await SettledAsync(service, accepted.Count + 1); // the redriven one a second time
        await SendAsync(service.Http, Get("/metrics"));
        await SendAsync(service.Http, Get("/metrics", ("Accept", "application/openmetrics-text")));
        await SendAsync(service.Http, Get("/health"));
        foreach (var id in accepted)
            await TellAsync(service.Http, Get($"{ServiceProcess.SubmitPath}/{id}", ("X-Api-Key", ApiKey)), provider);
        AssertNoCanary("the journal's files", JournalFiles()); // its log among them
        Assert.Equal(0, await service.StopAsync());

        var log = string.Join('\n', service.Process.Output.Concat(service.Process.Error));
        Assert.Contains("cana***", log, StringComparison.Ordinal);
        Assert.Contains(_answers, answer => answer.Contains("cana***", StringComparison.Ordinal));
        Assert.All(
            receiver.Received,
            callback => Assert.DoesNotContain("traceparent", callback.Headers.Keys, StringComparer.OrdinalIgnoreCase)
        );
        Assert.Contains("q7***", log, StringComparison.Ordinal);
        Assert.All(
            receiver.Received,
            callback => Assert.Matches($"{Token}|{ShortToken}", Encoding.UTF8.GetString(callback.Body))
        );
        Assert.Contains(collector.Spans, span => span.Name == "callback");
        Assert.NotEmpty(collector.Points);
        AssertNoCanary("the log", Encoding.UTF8.GetBytes(log.Replace("cana***", "", StringComparison.Ordinal)));
        AssertNoCanary("traces and metrics", collector.Everything);
        AssertNoCanary("the journal's files", JournalFiles());
        Assert.All(_answers, answer => AssertNoCanary("an answer", Encoding.UTF8.GetBytes(answer)));
        Assert.Equal(provider == "ocpi", _told > 1); // the status of a request, and a synchronous question
        AssertRequestsAreNamed(service, accepted, provider);
    }

    private void WriteSettings(string provider, string authorizer)
    {
        _folder.Write("partner.token", BearerToken);
        _folder.Write(
            "everything.conf",
            $$"""
            logging { level = debug, format = json }
            request.driverToken.minLength = 8
            adapters.citrineos.enabled = true
            server.apiKeys = [{ name = fleet, sha256 = "{{Convert.ToHexStringLower(
                SHA256.HashData(Encoding.UTF8.GetBytes(ApiKey))
            )}}" }]
            management.token = "{{OperatorToken}}"
            journal { kind = sqlite, path = "journal.db", encryptionKeys = ["{{EncryptionKey}}"] }
            authorization { provider = {{provider}}, maxRetries = 1, typedTokens = true }
            authorization { http { url = "{{authorizer}}", bearerToken = "{{BearerToken}}" } }
            authorization.ocpi { countryCode = DE, partyId = ALL
              partners = [{ name = tnm, tokensUrl = "{{authorizer}}", tokenFile = "partner.token", parties = ["NL-TNM"], encoding = plain }]
            }
            callback { maxRetries = 1, retryDelayMillis = 10, signing.keys = ["{{SigningKey}}"] }
            """
        );
    }

    /// <summary>Questions whose answers are in the response: yes and no, and what is no question.</summary>
    private async Task AskAtOnceAsync(ServiceProcess service, string provider)
    {
        const string authorize = "/api/v1/authorize";
        const string citrineos = "/adapters/citrineos/authorize";
        foreach (var token in new[] { Token, ShortToken, $"ocpi.uid.RFID~{ShortToken}" })
        {
            var body = JsonSerializer.Serialize(new { stationId = RunningService.Station, driverToken = token });
            await TellAsync(service.Http, Post(body, authorize), provider);
            await SendAsync(
                service.Http,
                Post(body.Replace(RunningService.Station, token, StringComparison.Ordinal), authorize)
            );
        }

        foreach (var station in new[] { RunningService.Station, ShortToken })
        {
            var body = JsonSerializer.Serialize(
                new
                {
                    idToken = ShortToken,
                    idTokenType = "ISO14443",
                    stationId = station,
                }
            );
            await SendAsync(service.Http, Post(body, citrineos));
            await SendAsync(service.Http, Post(body[..^1], citrineos));
            await SendAsync(
                service.Http,
                Post(body.Replace("ISO14443", ShortToken + "~", StringComparison.Ordinal), citrineos)
            );
        }
    }

    /// <summary>A request whose caller, and no one else, gets the partner's details.</summary>
    private async Task TellAsync(HttpClient http, HttpRequestMessage message, string provider)
    {
        var body = await SendAsync(http, message);
        if (provider == "ocpi" && body.Contains("\"detail\"", StringComparison.Ordinal))
        {
            Assert.Contains(Reference, body, StringComparison.Ordinal);
            Assert.Contains(Shown, body, StringComparison.Ordinal);
            _told++;
            _answers[^1] = _answers[^1]
                .Replace(Reference, "", StringComparison.Ordinal)
                .Replace(Shown, "", StringComparison.Ordinal);
        }
    }

    /// <summary>Secrets where they do not belong.</summary>
    private async Task MisplaceAsync(ServiceProcess service, string callbackUrl)
    {
        var good = Body(callbackUrl);
        await SendAsync(service.Http, Post(good, $"/{Token}"));
        await SendAsync(service.Http, Post(good, $"{ServiceProcess.SubmitPath}/{Token}"));
        await SendAsync(service.Http, Get($"{ServiceProcess.SubmitPath}/{Token}", ("X-Api-Key", ApiKey)));
        await SendAsync(service.Http, new HttpRequestMessage(new HttpMethod(Token), ServiceProcess.SubmitPath));
        await SendAsync(service.Http, Post(good, headers: [("X-Api-Key", ApiKey + "x")]));
        await SendAsync(service.Http, Post(good[..^1]));
        await SendAsync(service.Http, Post($"\"{Token}\""));
        await SendAsync(service.Http, Post($$"""{"{{Token}}":{{Token}}}"""));
        await SendAsync(service.Http, Post(Body(callbackUrl, token: Token + " ")));
        await SendAsync(service.Http, Post(Body(callbackUrl, station: Token)));
        await SendAsync(service.Http, Post(Body(Token)));
        await SendAsync(service.Http, Post(Body($"http://10.0.0.1/{Token}")));
        await SendAsync(service.Http, Post(Body($"http://{Token}@127.0.0.1/")));
        await SendAsync(service.Http, Post(good, contentType: $"text/{Token}"));
        await SendAsync(
            service.Http,
            Post(good, headers: [("X-Api-Key", ApiKey), ("Idempotency-Key", Token + new string('x', 300))])
        );
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, service.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"GET /{Token} {Token}\r\nHost: {Token}\r\n\r\n"));
        using var reader = new StreamReader(client.GetStream());
        _answers.Add(await reader.ReadToEndAsync());
    }

    private async Task OperateAsync(HttpClient operators, string deadLetter)
    {
        (string, string)[] allowed = [("Authorization", $"Bearer {OperatorToken}")];
        await SendAsync(operators, Get("/admin/config", allowed));
        await SendAsync(operators, Get("/admin/config", ("Authorization", $"Bearer {OperatorToken}x")));
        await SendAsync(operators, Get("/admin/dead-letters", allowed));
        await SendAsync(operators, Get($"/admin/dead-letters?destination={Token}&cursor={Token}&{Token}", allowed));
        await SendAsync(operators, Post("{}", $"/admin/dead-letters/{Token}/redrive", headers: allowed));
        await SendAsync(operators, Post("{}", $"/admin/dead-letters/{deadLetter}/redrive", headers: allowed));
    }

    private async Task<string> AcceptAsync(ServiceProcess service, string callbackUrl, string token = Token)
    {
        var message = Post(
            Body(callbackUrl, token),
            headers:
            [
                ("X-Api-Key", ApiKey),
                ("Idempotency-Key", $"{IdempotencyKey}-{_answers.Count}"),
                ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                ("tracestate", $"vendor={Token}"),
                ("baggage", $"driver={Token}"),
                ("User-Agent", Token),
                ("X-Request-Id", Token),
            ]
        );
        return IdOf(await SendAsync(service.Http, message));
    }

    private static string IdOf(string answer) =>
        JsonDocument.Parse(answer).RootElement.GetProperty("requestId").GetString()!;

    /// <returns>The answer's body.</returns>
    private async Task<string> SendAsync(HttpClient http, HttpRequestMessage message)
    {
        using (message)
        {
            using var response = await http.SendAsync(message);
            var body = await response.Content.ReadAsStringAsync();
            _answers.Add($"{(int)response.StatusCode} {response.Headers} {response.Content.Headers} {body}");
            return body;
        }
    }

    private static Task SettledAsync(ServiceProcess service, int count) =>
        Eventually.HoldsAsync(
            async () =>
                (await service.GetAsync("/metrics"))
                    .GetProperty("deliveries_total")
                    .EnumerateObject()
                    .Sum(state => state.Value.GetInt64()) == count,
            $"{count} are settled"
        );

    private static HttpRequestMessage Get(string path, params (string Name, string Value)[] headers) =>
        With(new(HttpMethod.Get, path), headers);

    private static HttpRequestMessage Post(
        string body,
        string path = ServiceProcess.SubmitPath,
        string contentType = "application/json",
        (string Name, string Value)[]? headers = null
    ) =>
        With(
            new(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, contentType) },
            headers ?? [("X-Api-Key", ApiKey)]
        );

    private static HttpRequestMessage With(HttpRequestMessage message, (string Name, string Value)[] headers)
    {
        foreach (var (name, value) in headers)
            message.Headers.TryAddWithoutValidation(name, value);
        return message;
    }

    private static string Body(string callbackUrl, string token = Token, string station = RunningService.Station) =>
        JsonSerializer.Serialize(
            new
            {
                stationId = station,
                driverToken = token,
                callbackUrl,
            }
        );

    private static Task AnswerAsync(HttpContext context, int status, byte[] body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        return status == 204 ? Task.CompletedTask : context.Response.Body.WriteAsync(body).AsTask();
    }

    // The lock is its owner's alone, and empty.
    private byte[] JournalFiles() =>
        [
            .. Directory
                .GetFiles(_folder.Path, "journal.db*")
                .Where(file => !file.EndsWith(".lock", StringComparison.Ordinal))
                .SelectMany(Bytes),
        ];

    private static byte[] Bytes(string file)
    {
        using var opened = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[opened.Length];
        opened.ReadExactly(bytes);
        return bytes;
    }

    private static void AssertNoCanary(string where, byte[] bytes)
    {
        foreach (var canary in Canaries)
        {
            var at = bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(canary));
            var around = bytes[Math.Max(0, at - 200)..Math.Min(bytes.Length, Math.Max(0, at) + 200)];
            Assert.True(at < 0, $"{where}: {Encoding.UTF8.GetString(around)}");
        }
    }

    /// <summary>Lines of the pipeline's own events; of those only the breaker's is about no request.</summary>
    private static void AssertRequestsAreNamed(
        ServiceProcess service,
        IReadOnlyCollection<string> accepted,
        string provider
    )
    {
        var events = service
            .Process.Output.Select(line => JsonDocument.Parse(line).RootElement)
            .Where(line => line.GetProperty("SourceContext").GetString() == "AkkaCharging.Metrics.MetricsObserver")
            .Select(line =>
                (
                    Id: line.GetProperty("EventId").GetProperty("Id").GetInt32(),
                    Request: line.TryGetProperty("RequestId", out var request) ? request.GetString() : null
                )
            )
            .Where(line => line.Id != 1005)
            .ToList();

        var answered = events.Where(line => line.Id == 1011).Select(line => line.Request!).ToHashSet();
        Assert.NotEmpty(answered);
        Assert.All(events, line => Assert.Contains(line.Request!, accepted.Concat(answered)));
        Assert.Equal(
            accepted.Order(StringComparer.Ordinal),
            events.Where(line => line.Id == 1001).Select(line => line.Request!).Order(StringComparer.Ordinal)
        );
        Assert.Equal(provider != "acl", events.Any(line => line.Id == 1006));
    }
}
