using System.Net;
using System.Text;
using System.Text.Json;
using AkkaCharging.Authorization;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests.Http;

/// <summary>Questions from CitrineOS, in its own format.</summary>
[Trait("Category", "Component")]
public sealed class CitrineosTests : IDisposable
{
    private const string Url = "/adapters/citrineos/authorize";

    private readonly string _folder = Directory.CreateTempSubdirectory("citrineos").FullName;
    private readonly ScriptedAuthorizer _authorizer = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Question_IsAskedWithItsTypeAndItsStation()
    {
        _authorizer.AnswersAlways(AuthorizerAnswer.Allow());
        await using var service = await StartAsync();

        // As citrineos writes it.
        var answer = await AskAsync(
            service,
            """
            {"tenantPartnerId":1,"idToken":"04AABBCC","idTokenType":"ISO14443","locationId":"7","stationId":"cp001",
             "evseId":1,"connectorId":1}
            """
        );

        Assert.Equal(["timestamp", "data"], Api.Names(answer));
        Assert.Equal("""{"allowed":"ALLOWED"}""", answer.GetProperty("data").GetRawText());
        Assert.True(answer.GetProperty("timestamp").TryGetDateTimeOffset(out _));
        var query = Assert.Single(_authorizer.Queries);
        Assert.Equal(new TokenIdentity("04AABBCC", "ISO14443"), query.Identity);
        Assert.Equal((RunningService.Station, "cp001"), (query.Station.Text, query.Mapping!.ExternalId));
    }

    [Theory]
    [InlineData("04AABBCC")]
    [InlineData("A1B")]
    [InlineData("1")]
    public async Task UntypedTokenAtAStationsUuid_IsAskedAsItStands(string id)
    {
        _authorizer.AnswersAlways(AuthorizerAnswer.Allow());
        await using var service = await StartAsync();

        await AskAsync(service, $$"""{"idToken":"{{id}}","stationId":"{{RunningService.Station}}"}""");

        Assert.Equal(new TokenIdentity(id), Assert.Single(_authorizer.Queries).Identity);
    }

    [Fact]
    public async Task ByteOrderMark_IsIgnored()
    {
        _authorizer.AnswersAlways(AuthorizerAnswer.Allow());
        await using var service = await StartAsync();
        byte[] body = [0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(Question())];

        using var answer = await service.Http.PostAsync(Url, Api.Json(body));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(new TokenIdentity("04AABBCC", "ISO14443"), Assert.Single(_authorizer.Queries).Identity);
    }

    [Fact]
    public async Task FieldThatNobodyReads_MustBeUtf8AsWell()
    {
        await using var service = await StartAsync();
        using var body = new ByteArrayContent(
            Encoding.Latin1.GetBytes("{\"idToken\":\"04AABBCC\",\"stationId\":\"cp001\",\"x\":\"\u00e9\"}")
        );
        body.Headers.ContentType = new("application/json");

        using var answer = await service.Http.PostAsync(Url, body);

        Assert.Equal(["body"], (await Api.InvalidAsync(answer)).Select(error => error.Field));
    }

    [Theory]
    [InlineData(DenialReason.Blocked, "BLOCKED", "blocked")]
    [InlineData(DenialReason.Expired, "EXPIRED", "expired")]
    [InlineData(DenialReason.NoCredit, "NO_CREDIT", "no_credit")]
    [InlineData(DenialReason.StationNotAllowed, "NOT_ALLOWED", "station_not_allowed")]
    [InlineData(DenialReason.ConcurrentSession, "NOT_ALLOWED", "concurrent_session")]
    [InlineData(DenialReason.UnknownToken, "NOT_ALLOWED", "not_in_acl")]
    public async Task No_IsSaidInTheWordsOfOcpi(DenialReason reason, string allowed, string why)
    {
        _authorizer.AnswersAlways(AuthorizerAnswer.Deny(reason));
        await using var service = await StartAsync();

        var data = (await AskAsync(service, Question())).GetProperty("data");

        Assert.Equal($$"""{"allowed":"{{allowed}}","reason":"{{why}}"}""", data.GetRawText());
    }

    [Fact]
    public async Task NoAnswer_Is503_SoThatCitrineosAppliesItsOwnRule()
    {
        _authorizer.AnswersAlways(AuthorizerAnswer.NoAnswer("away"));
        await using var service = await StartAsync();

        using var answer = await service.Http.PostAsync(Url, Api.Json(Question()));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        var body = await Api.BodyOf(answer);
        Assert.Equal("undecided", body.GetProperty("status").GetString());
        Assert.StartsWith(
            "There is no answer: authorizer_error (req-",
            body.GetProperty("message").GetString(),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("", "body")]
    [InlineData("[]", "body")]
    [InlineData("{\"idToken\":\"a\",\"idToken\":\"04AABBCC\",\"stationId\":\"cp001\"}", "body")]
    [InlineData("{\"idToken\":\"\\ud800\",\"stationId\":\"cp001\"}", "body")]
    [InlineData("{\"idToken\":\"04AABBCC\",\"idTokenType\":\"ISO14443\",\"stationId\":\"cp002\"}", "stationId")]
    [InlineData("{\"idToken\":\"04AABBCC\",\"idTokenType\":\"ISO14443\",\"stationId\":1}", "stationId")]
    [InlineData("{\"idToken\":\"04AABBCC\",\"idTokenType\":\"ISO.14443\",\"stationId\":\"cp001\"}", "idToken")]
    [InlineData("{\"idToken\":\"04AABBCC\",\"idTokenType\":7,\"stationId\":\"cp001\"}", "idToken")]
    [InlineData("{\"idToken\":\"04 AA\",\"idTokenType\":\"ISO14443\",\"stationId\":\"cp001\"}", "idToken")]
    [InlineData("{\"idToken\":\"0123456789012345678901234567890123456\",\"stationId\":\"cp001\"}", "idToken")]
    [InlineData("{\"idToken\":null,\"stationId\":\"cp001\"}", "idToken")]
    [InlineData("{\"stationId\":\"cp001\"}", "idToken")]
    public async Task BadInput_IsNamed_AndNobodyIsAsked(string body, string field)
    {
        await using var service = await StartAsync();

        using var answer = await service.Http.PostAsync(Url, Api.Json(body));

        Assert.Equal([field], (await Api.InvalidAsync(answer)).Select(error => error.Field));
        Assert.Empty(_authorizer.Queries);
    }

    [Theory]
    [InlineData("04AABBCC", 200)]
    [InlineData("1", 200)]
    [InlineData("*#12", 200)]
    [InlineData("012345678901234567890123456789012345", 200)]
    [InlineData("0123456789012345678901234567890123*#x", 400)]
    [InlineData("04 AA", 400)]
    [InlineData("", 400)]
    public async Task TypedToken_IsReadByTheSameRuleAsThatOfEveryCaller(string id, int status)
    {
        _authorizer.AnswersAlways(AuthorizerAnswer.Allow());
        await using var service = await StartAsync();
        var description = new ApiDescription(await service.Http.GetStringAsync("/openapi/v1.json"));
        var question = $$"""{"stationId":"{{RunningService.Station}}","driverToken":"ocpi.uid.ISO14443~{{id}}"}""";

        using var here = await service.Http.PostAsync(
            Url,
            Api.Json($$"""{"idToken":"{{id}}","idTokenType":"ISO14443","stationId":"cp001"}""")
        );
        using var there = await service.Http.PostAsync("/api/v1/authorize", Api.Json(question));

        Assert.Equal((status, status), ((int)here.StatusCode, (int)there.StatusCode));
        Assert.Equal(status == 200, (await description.SchemaAsync("AuthorizeBody")).Validate(question).Count == 0);
        Assert.Equal(
            Enumerable.Repeat(new TokenIdentity(id, "ISO14443"), status == 200 ? 2 : 0),
            _authorizer.Queries.Select(query => query.Identity)
        );
    }

    [Fact]
    public async Task Callers_NeedTheirKey()
    {
        await using var service = await StartAsync(needsKey: true);

        using var answer = await service.Http.PostAsync(Url, Api.Json(Question()));

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Empty(_authorizer.Queries);
    }

    [Fact]
    public async Task WithoutTheSetting_ThereIsNothing()
    {
        await using var service = await RunningService.StartAsync();

        using var answer = await service.Http.PostAsync(Url, Api.Json(Question()));

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public async Task Description_HasTheRoute_AndItsAnswersFit()
    {
        _authorizer.AnswersAlways(AuthorizerAnswer.Deny(DenialReason.Blocked));
        await using var service = await StartAsync();
        var description = new ApiDescription(await service.Http.GetStringAsync("/openapi/v1.json"));

        Assert.Contains(
            $"post {Url}: 200 400 401 403 408 413 415 429 500 503",
            description.Operations.Select(operation =>
                $"{operation.Operation}: {string.Join(' ', operation.StatusCodes)}"
            )
        );
        await description.FitsAsync(await service.Http.PostAsync(Url, Api.Json(Question())), "post", Url, 200);
        await description.FitsAsync(await service.Http.PostAsync(Url, Api.Json("{}")), "post", Url, 400);
        Assert.Empty((await description.SchemaAsync("CitrineosBody")).Validate(Question()));
    }

    private static string Question() => """{"idToken":"04AABBCC","idTokenType":"ISO14443","stationId":"cp001"}""";

    private static async Task<JsonElement> AskAsync(RunningService service, string body)
    {
        using var answer = await service.Http.PostAsync(Url, Api.Json(Encoding.UTF8.GetBytes(body)));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await Api.BodyOf(answer);
    }

    private async Task<RunningService> StartAsync(bool needsKey = false)
    {
        var stations = Path.Combine(_folder, "stations.csv");
        await File.WriteAllTextAsync(stations, $"station,external_id\n{RunningService.Station},cp001\n");
        return await RunningService.StartAsync(
            settings =>
                (
                    needsKey
                        ? settings.WithServer(server =>
                            server with
                            {
                                ApiKeys = [new("a", new string('0', 64), [], 0)],
                            }
                        )
                        : settings
                ) with
                {
                    Authorization = settings.Authorization with { TypedTokens = true, StationsFile = stations },
                    Adapters = new(new(Enabled: true)),
                },
            services => services.AddAuthorizer(_authorizer)
        );
    }
}
