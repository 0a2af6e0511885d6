using System.Text.Json.Nodes;
using AkkaCharging.Journal;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests.Admin;

/// <summary>Compares the description of the operators' API with the service's real answers.</summary>
[Trait("Category", "Component")]
public sealed class AdminDescriptionTests : IAsyncLifetime
{
    private readonly ScriptedJournal _journal = new();
    private readonly ScriptedDeadLetters _letters;
    private CallbackReceiver _receiver = null!;
    private RunningService _service = null!;
    private ApiDescription _description = null!;

    public AdminDescriptionTests() => _letters = new(_journal.DeadLetters);

    public async Task InitializeAsync()
    {
        _receiver = await CallbackReceiver.StartAsync();
        _service = await RunningService.StartAsync(customize: services =>
            services
                .AddSingleton<IRequestJournal>(_journal)
                .AddSingleton<IRequestSearch>(_journal.Search)
                .AddSingleton<IDeadLetterStore>(_letters)
        );
        _description = new(await _service.Management.GetStringAsync("/openapi/admin.json"));
    }

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    [Fact]
    public void Description_NamesEveryRouteAndStatus_AndNothingPublic()
    {
        var documented = _description.Operations.Select(operation =>
            $"{operation.Operation}: {string.Join(' ', operation.StatusCodes.Order(StringComparer.Ordinal))}"
        );

        Assert.Equal(
            [
                "get /admin/requests: 200 400 401 403 429 500 503",
                "get /admin/requests/{requestId}: 200 401 403 404 429 500 503",
                "get /admin/dead-letters: 200 400 401 403 429 500 503",
                "post /admin/dead-letters/{requestId}/redrive: 200 401 403 404 409 415 429 500 503",
                "post /admin/dead-letters/{requestId}/discard: 200 401 403 404 409 415 429 500 503",
                "post /admin/dead-letters/redrive: 202 400 401 403 408 409 413 415 429 500 503",
                "get /admin/dead-letters/redrive: 200 401 403 404 429 500",
                "get /admin/dead-letters/preview: 200 400 401 403 429 500 503",
                "post /admin/dead-letters/redrive/cancel: 202 401 403 409 415 429 500",
                "get /admin/destinations: 200 400 401 403 429 500",
                "post /admin/destinations/pause: 200 400 401 403 408 409 413 415 429 500",
                "post /admin/destinations/resume: 200 400 401 403 408 409 413 415 429 500",
                "get /admin/config: 200 401 403 429 500",
                "get /admin/overview: 200 401 403 429 500",
                "get /admin/history: 200 401 403 429 500 503",
                "get /admin/actions: 200 401 403 429 500",
                "get /admin/cluster: 200 401 403 429 500 503",
            ],
            documented
        );
        Assert.Equal("/", (string?)_description.Root["servers"]![0]!["url"]);
        Assert.Equal("bearer", (string?)_description.Root["components"]!["securitySchemes"]!["token"]!["scheme"]);
    }

    /// <summary>An endpoint rejects parameters that it does not read, and names those that it reads.</summary>
    [Theory]
    [InlineData("/admin/requests", 9)]
    [InlineData(Operators.Letters, 8)]
    [InlineData(Operators.Letters + "/preview", 6)]
    [InlineData("/admin/destinations", 1)]
    public async Task Description_NamesEveryQueryParameterThatTheEndpointReads(string route, int count)
    {
        const string Before = "Unknown query parameter. Known are ";
        var error = Assert.Single(
            await Api.InvalidAsync(await _service.Management.GetAsync($"{route}?misspelt=1")),
            error => error.Field == "query"
        );
        Assert.StartsWith(Before, error.Message, StringComparison.Ordinal);
        var read = error.Message[Before.Length..^1].Split(", ");

        var described = _description.Root["paths"]![route]!["get"]!["parameters"]?.AsArray().ToArray() ?? [];

        Assert.Equal(count, read.Length);
        Assert.Equal(read, described.Select(parameter => (string?)parameter!["name"]));
        Assert.All(described, parameter => Assert.Equal("query", (string?)parameter!["in"]));
    }

    [Fact]
    public async Task PublicDescription_KnowsNoOperators_WhateverIsAskedFor()
    {
        var text = await _service.Http.GetStringAsync("/openapi/v1.json?documentName=admin");

        Assert.Equal("AkkaCharging", (string?)JsonNode.Parse(text)!["info"]!["title"]);
        Assert.DoesNotContain("/admin", text, StringComparison.Ordinal);
        Assert.DoesNotContain("DeadLetter", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RealAnswers_FitTheirSchemas()
    {
        const string Bulk = Operators.Letters + "/redrive";
        var id = await _service.FailAsync(_receiver);
        var other = await _service.FailAsync(_receiver);
        _receiver.Hang();
        await _service.AcceptAsync(_receiver.Url);

        await FitsAsync(_service.Management.GetAsync("/admin/requests"), "get", "/admin/requests", 200);
        await FitsAsync(_service.Management.GetAsync("/admin/requests?state=x"), "get", "/admin/requests", 400);
        const string One = "/admin/requests/{requestId}";
        await FitsAsync(_service.Management.GetAsync($"/admin/requests/{id}"), "get", One, 200);
        await FitsAsync(_service.Management.GetAsync("/admin/requests/x"), "get", One, 404);
        await FitsAsync(_service.Management.GetAsync(Operators.Letters), "get", Operators.Letters, 200);
        await FitsAsync(_service.Management.GetAsync(Operators.Letters + "?limit=x"), "get", Operators.Letters, 400);
        await FitsAsync(
            _service.ChangeAsync($"{Operators.Letters}/{id}/redrive"),
            "post",
            Operators.Letters + "/{requestId}/redrive",
            200
        );
        await FitsAsync(
            _service.ChangeAsync($"{Operators.Letters}/{id}/redrive"),
            "post",
            Operators.Letters + "/{requestId}/redrive",
            409
        );
        await FitsAsync(
            _service.ChangeAsync($"{Operators.Letters}/{other}/discard"),
            "post",
            Operators.Letters + "/{requestId}/discard",
            200
        );
        await FitsAsync(
            _service.ChangeAsync($"{Operators.Letters}/x/discard"),
            "post",
            Operators.Letters + "/{requestId}/discard",
            404
        );
        const string Preview = Operators.Letters + "/preview";
        await FitsAsync(_service.Management.GetAsync(Preview), "get", Preview, 200);
        await FitsAsync(_service.Management.GetAsync(Preview + "?limit=1"), "get", Preview, 400);
        await FitsAsync(_service.Management.GetAsync(Bulk), "get", Bulk, 404);
        await FitsAsync(_service.ChangeAsync(Bulk, """{"from":1}"""), "post", Bulk, 202);
        await FitsAsync(_service.ChangeAsync(Bulk, "{}"), "post", Bulk, 400);
        await FitsAsync(_service.Management.GetAsync(Bulk), "get", Bulk, 200);
        await FitsAsync(_service.Management.GetAsync("/admin/destinations"), "get", "/admin/destinations", 200);
        await FitsAsync(
            _service.ChangeAsync("/admin/destinations/pause", """{"destination":"https://a.example.com"}"""),
            "post",
            "/admin/destinations/pause",
            200
        );
        await FitsAsync(
            _service.ChangeAsync("/admin/destinations/resume", """{"destination":"https://a.example.com"}"""),
            "post",
            "/admin/destinations/resume",
            200
        );
        await FitsAsync(
            _service.ChangeAsync("/admin/destinations/resume", "{}"),
            "post",
            "/admin/destinations/resume",
            400
        );
        await FitsAsync(
            _service.OperateAsync("POST", "/admin/destinations/resume"),
            "post",
            "/admin/destinations/resume",
            415
        );
        await FitsAsync(_service.Management.GetAsync("/admin/config"), "get", "/admin/config", 200);
        await FitsAsync(_service.Management.GetAsync("/admin/overview"), "get", "/admin/overview", 200);
        await FitsAsync(_service.Management.GetAsync("/admin/history"), "get", "/admin/history", 200);
        await FitsAsync(_service.Management.GetAsync("/admin/actions"), "get", "/admin/actions", 200);
        await FitsAsync(_service.Management.GetAsync("/admin/cluster"), "get", "/admin/cluster", 200);
        await FitsAsync(
            _service.OperateAsync("GET", "/admin/config", host: "evil.example"),
            "get",
            "/admin/config",
            403
        );
        _letters.Fault = new JournalUnavailableException("disk full");
        await FitsAsync(_service.Management.GetAsync(Operators.Letters), "get", Operators.Letters, 503);
        _letters.Fault = null;
        _receiver.RespondWith(System.Net.HttpStatusCode.NoContent);
    }

    [Theory]
    [InlineData("""{"destination":"https://a.example.com","from":"2030-01-01T00:00:00Z","to":1}""", true)]
    [InlineData("""{"all":true}""", true)]
    [InlineData("""{"all":true,"count":0}""", true)]
    [InlineData("""{"all":true,"count":"0"}""", false)]
    [InlineData("""{"from":true}""", false)]
    [InlineData("""{"destinaton":"https://a.example.com"}""", false)]
    public async Task BulkSchema_AgreesWithTheService(string body, bool isGood)
    {
        using var answer = await _service.ChangeAsync(Operators.Letters + "/redrive", body);

        Assert.Equal(isGood, answer.IsSuccessStatusCode);
        Assert.Equal(isGood, (await _description.SchemaAsync("BulkRedriveBody")).Validate(body).Count == 0);
    }

    private async Task FitsAsync(Task<HttpResponseMessage> answering, string method, string route, int statusCode) =>
        await _description.FitsAsync(await answering, method, route, statusCode);
}
