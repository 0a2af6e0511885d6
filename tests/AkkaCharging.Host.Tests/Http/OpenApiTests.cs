using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AkkaCharging.Callbacks;
using AkkaCharging.Host.Tests.Admin;
using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Testing;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace AkkaCharging.Host.Tests.Http;

/// <summary>Compares the description with the service's real answers.</summary>
[Trait("Category", "Component")]
public sealed class OpenApiTests : IAsyncLifetime
{
    private const string Follow = Api.Submit + "/{requestId}";
    private readonly ScriptedJournal _journal = new();
    private RunningService _service = null!;
    private CallbackReceiver _receiver = null!;
    private ApiDescription _description = null!;

    public async Task InitializeAsync()
    {
        _receiver = await CallbackReceiver.StartAsync();
        _service = await RunningService.StartAsync(
            settings => settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero }),
            services => services.AddSingleton<IRequestJournal>(_journal)
        );
        _description = new(await _service.Http.GetStringAsync("/openapi/v1.json"));
    }

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    [Fact]
    public void Description_NamesEveryRouteAndStatus()
    {
        var documented = _description.Operations.Select(operation =>
            $"{operation.Operation}: {string.Join(' ', operation.StatusCodes)}"
        );

        Assert.Equal(
            [
                $"post {Api.Submit}: 200 400 401 403 408 409 413 415 429 500 503",
                $"get {Follow}: 200 401 403 404 429 500 503",
                "post /api/v1/authorize: 200 400 401 403 408 413 415 429 500 503",
                "get /health: 200 429 503",
                "get /metrics: 200 429 503",
                "get /health/live: 200 503",
                "get /health/ready: 200 503",
            ],
            documented
        );
    }

    [Fact]
    public async Task Description_IsRenderedOnce_OnEachListener()
    {
        var renderer = new CountingRenderer();
        await using var service = await RunningService.StartAsync(customize: services =>
        {
            services.AddKeyedSingleton<IOpenApiDocumentProvider>("v1", renderer);
            services.AddKeyedSingleton<IOpenApiDocumentProvider>("admin", renderer);
        });

        foreach (var get in new[] { service.Http, service.Management }.Zip(["v1", "admin"]))
        {
            var answers = await Task.WhenAll(
                Enumerable.Range(0, 20).Select(_ => get.First.GetStringAsync($"/openapi/{get.Second}.json"))
            );
            Assert.Single(answers.Distinct());
        }

        Assert.Equal(2, renderer.Calls);
    }

    [Theory]
    [InlineData("{0}", 304)]
    [InlineData("W/{0}", 304)]
    [InlineData("\"other\", {0}", 304)]
    [InlineData("*", 304)]
    [InlineData("\"other\"", 200)]
    [InlineData("nonsense", 200)]
    public async Task Description_IsSentAgain_OnlyToThoseWhoHaveAnother(string ifNoneMatch, int statusCode)
    {
        foreach (
            var (listener, path) in new[]
            {
                (_service.Http, "/openapi/v1.json"),
                (_service.Management, "/openapi/admin.json"),
            }
        )
        {
            using var first = await listener.GetAsync(path);
            var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation(
                "If-None-Match",
                ifNoneMatch.Replace("{0}", first.Headers.ETag!.ToString(), StringComparison.Ordinal)
            );

            using var second = await listener.SendAsync(request);

            Assert.Equal((200, statusCode), ((int)first.StatusCode, (int)second.StatusCode));
            Assert.Equal(first.Headers.ETag, second.Headers.ETag);
            Assert.True(second.Headers.CacheControl!.NoCache);
            Api.Protected(second);
            Assert.Equal(
                statusCode == 200 ? await first.Content.ReadAsStringAsync() : "",
                await second.Content.ReadAsStringAsync()
            );
        }
    }

    [Fact]
    public void Description_NamesTheProduct_ItsHeadersAndItsKeys()
    {
        var submit = _description.Root["paths"]![Api.Submit]!["post"]!;

        Assert.Equal(
            ("AkkaCharging", ProductVersion.Text),
            ((string?)_description.Root["info"]!["title"], (string?)_description.Root["info"]!["version"])
        );
        Assert.Equal(
            ["Idempotency-Key", "traceparent"],
            submit["parameters"]!.AsArray().Select(parameter => (string?)parameter!["name"])
        );
        Assert.Equal("X-Api-Key", (string?)_description.Root["components"]!["securitySchemes"]!["apiKey"]!["name"]);
        Assert.Equal("bearer", (string?)_description.Root["components"]!["securitySchemes"]!["bearer"]!["scheme"]);
        Assert.NotNull(submit["responses"]!["503"]!["headers"]!["Retry-After"]);
        Assert.NotNull(submit["responses"]!["429"]!["headers"]!["Retry-After"]);
        Assert.NotNull(submit["responses"]!["200"]!["headers"]!["Idempotent-Replay"]);
        Assert.Equal(3, submit["security"]!.AsArray().Count);
        Assert.All(
            _description.Root["components"]!["schemas"]!
                .AsObject()
                .Where(schema => schema.Value!["type"]?.ToString() == "object"),
            schema => Assert.NotEmpty(schema.Value!["required"]!.AsArray())
        );
    }

    [Theory]
    [InlineData("", true)]
    [InlineData(",\"validForMillis\":1000,\"unknown\":[1]", true)]
    [InlineData(",\"validForMillis\":999", false)]
    [InlineData(",\"validForMillis\":null,\"callbackFormat\":null", true)]
    [InlineData(",\"validForMillis\":\"2000\"", false)]
    public async Task SubmissionSchema_AgreesWithTheService(string more, bool isGood)
    {
        var body = Api.Body(_receiver.Url, more: more);
        using var answer = await _service.Http.PostAsync(Api.Submit, Api.Json(body));

        var errors = (await _description.SchemaAsync("SubmissionBody")).Validate(body);

        Assert.Equal(isGood, answer.IsSuccessStatusCode);
        Assert.Equal(isGood, errors.Count == 0);
    }

    [Fact]
    public async Task Webhook_DescribesTheCallbackThatIsSent()
    {
        var id = await _service.AcceptAsync(_receiver.Url);
        await _service.StateAsync(id, "delivered");
        var callback = _description.Root["webhooks"]!["decided"]!["post"]!;

        var received = _receiver.Received.Single();
        var schema = await _description.SchemaAsync("CallbackFields");
        Assert.Empty(schema.Validate(Encoding.UTF8.GetString(received.Body)));
        Assert.Empty(
            schema.Validate(callback["requestBody"]!["content"]!["application/json"]!["example"]!.ToJsonString())
        );
        Assert.Equal(
            ["webhook-id", "webhook-timestamp", "webhook-signature"],
            callback["parameters"]!.AsArray().Select(parameter => (string?)parameter!["name"])
        );

        // The format extended has all of them.
        Assert.Equal(
            typeof(ExtendedBody)
                .GetProperties()
                .Select(field => JsonNamingPolicy.SnakeCaseLower.ConvertName(field.Name)),
            schema.ActualProperties.Keys
        );
    }

    [Theory]
    [InlineData(Api.Submit)]
    [InlineData("/api/v1/authorize")]
    public async Task Example_WorksWhenItIsSentAsItIs(string route)
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithServer(server => server with { Development = true })
        );
        var content = _description.Root["paths"]![route]!["post"]!["requestBody"]!["content"]!["application/json"]!;

        using var answer = await service.Http.PostAsync(route, Api.Json(content["example"]!.ToJsonString()));

        Assert.Equal(200, (int)answer.StatusCode);
    }

    [Fact]
    public async Task Apostrophe_InAMessage_IsOne()
    {
        var answer = await _service.Http.PostAsync(Api.Submit, Api.Json(Api.Body("http://a.example.com/100%")));

        Assert.Contains("A '%' in the path", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(20, "Seed", "04AABBCC", false)]
    [InlineData(8, "Seed", "04AABBCC", true)]
    [InlineData(8, "Seed", "04:AABBC", false)]
    [InlineData(8, "Ocpp", "04:AABBC", true)]
    [InlineData(8, "Ocpp", "04 AABBC", false)]
    [InlineData(9, "Ocpp", "04:AABBC", false)]
    public async Task TokenRules_AreThoseInForce(int lengthMin, string characters, string token, bool isGood)
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings with
            {
                Request = settings.Request with
                {
                    DriverToken = new(lengthMin, Enum.Parse<TokenCharacters>(characters)),
                },
            }
        );
        var description = new ApiDescription(await service.Http.GetStringAsync("/openapi/v1.json"));

        foreach (var (schema, body) in Bodies(token))
        {
            Assert.Equal(isGood, (await description.SchemaAsync(schema)).Validate(body).Count == 0);
            using var answer = await service.Http.PostAsync(
                schema == "SubmissionBody" ? Api.Submit : "/api/v1/authorize",
                Api.Json(body)
            );
            Assert.Equal(isGood, answer.IsSuccessStatusCode);
        }

        IEnumerable<(string, string)> Bodies(string text) =>
            [
                ("SubmissionBody", Api.Body(_receiver.Url, text)),
                ("AuthorizeBody", $$"""{"stationId":"{{RunningService.Station}}","driverToken":"{{text}}"}"""),
            ];
    }

    [Theory]
    [InlineData("stationId")]
    [InlineData("driverToken")]
    [InlineData("callbackUrl")]
    public async Task SubmissionSchema_RequiresTheField(string field)
    {
        var body = JsonNode.Parse(Api.Body(_receiver.Url))!.AsObject();
        body.Remove(field);

        Assert.NotEmpty((await _description.SchemaAsync("SubmissionBody")).Validate(body.ToJsonString()));
    }

    [Fact]
    public async Task RealAnswers_FitTheirSchemas()
    {
        var id = await _service.AcceptAsync(_receiver.Url);
        await Eventually.HoldsAsync(
            async () => (await _service.GetAsync($"{Api.Submit}/{id}")).GetProperty("state").GetString() == "delivered",
            "delivered"
        );
        _receiver.Hang();
        var pending = await _service.AcceptAsync(_receiver.Url, RunningService.UnknownToken);

        await FitsAsync(await _service.SubmitAsync(_receiver.Url), Api.Submit, 200);
        await FitsAsync(await _service.SubmitAsync("nonsense"), Api.Submit, 400);
        await FitsAsync(await _service.Http.PostAsync(Api.Submit, Api.Json(new string(' ', 9_000))), Api.Submit, 413);
        await FitsAsync(await _service.Http.PostAsync(Api.Submit, new StringContent("text")), Api.Submit, 415);
        using (await _service.Http.SendAsync(Api.Post(Api.Body(_receiver.Url), ("Idempotency-Key", "k"))))
            await FitsAsync(
                await _service.Http.SendAsync(Api.Post(Api.Body(_receiver.Url + "/2"), ("Idempotency-Key", "k"))),
                Api.Submit,
                409
            );
        await FitsAsync(await _service.Http.GetAsync($"{Api.Submit}/{id}"), Follow, 200);
        await FitsAsync(await _service.Http.GetAsync($"{Api.Submit}/{pending}"), Follow, 200);
        await FitsAsync(await _service.Http.GetAsync($"{Api.Submit}/garbage"), Follow, 404);
        await FitsAsync(await _service.Http.GetAsync("/metrics"), "/metrics", 200);
        foreach (var path in new[] { "/health", "/health/live", "/health/ready" })
            await FitsAsync(await _service.Http.GetAsync(path), path, 200);

        _journal.Fault = new JournalUnavailableException("disk full");
        await FitsAsync(await _service.SubmitAsync(_receiver.Url), Api.Submit, 503);
        await FitsAsync(await _service.Http.GetAsync($"{Api.Submit}/{id}"), Follow, 503);
        foreach (var path in new[] { "/health", "/health/ready" })
            await FitsAsync(await _service.Http.GetAsync(path), path, 503);
        _journal.Fault = new InvalidOperationException("defect");
        await FitsAsync(await _service.SubmitAsync(_receiver.Url), Api.Submit, 500);
        await FitsAsync(await _service.Http.GetAsync($"{Api.Submit}/{id}"), Follow, 500);
        _journal.Fault = null;
    }

    [Fact]
    public async Task RefusedKey_FitsItsSchema()
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithServer(server => server with { ApiKeys = [new("a", new string('0', 64), [], 0)] })
        );

        await FitsAsync(await service.SubmitAsync(_receiver.Url), Api.Submit, 401);
        await FitsAsync(await service.Http.GetAsync($"{Api.Submit}/req-x"), Follow, 401);
    }

    [Fact]
    public async Task Schemas_RefuseWhatTheServiceNeverSays()
    {
        Assert.NotEmpty(
            (await _description.SchemaAsync("ErrorAnswer")).Validate(
                """{"status":"oops","message":"m","timestamp":1}"""
            )
        );
        Assert.NotEmpty(
            (await _description.SchemaAsync("ErrorAnswer")).Validate("""{"status":"conflict","message":"m"}""")
        );
        Assert.NotEmpty(
            (await _description.SchemaAsync("HealthAnswer")).Validate(
                """{"status":"UP","timestamp":"1","components":{}}"""
            )
        );
    }

    private Task FitsAsync(HttpResponseMessage answer, string route, int statusCode) =>
        _description.FitsAsync(answer, route == Api.Submit ? "post" : "get", route, statusCode);

    private sealed class CountingRenderer : IOpenApiDocumentProvider
    {
        private int _calls;

        public int Calls => _calls;

        public Task<OpenApiDocument> GetOpenApiDocumentAsync(CancellationToken cancellationToken = default)
        {
            Interlocked.Increment(ref _calls);
            return Task.FromResult(
                new OpenApiDocument
                {
                    Info = new() { Title = "counted", Version = "v1" },
                }
            );
        }
    }
}
