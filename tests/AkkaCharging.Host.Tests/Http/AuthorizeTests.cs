using System.Net;
using System.Text;
using System.Text.Json;
using AkkaCharging.Authorization;
using AkkaCharging.Host.Tests.Admin;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests.Http;

/// <summary>The synchronous question, and the details in an extended callback and in the status look-up.</summary>
[Trait("Category", "Component")]
public sealed class AuthorizeTests : IAsyncLifetime
{
    private const string Url = "/api/v1/authorize";

    private static readonly AuthorizationDetails Details = new()
    {
        AuthorizationReference = "reference-1",
        Language = "en",
        Text = "Welcome",
        Party = "NL-TNM",
    };

    private readonly ScriptedAuthorizer _authorizer = new();
    private CallbackReceiver _receiver = null!;

    public async Task InitializeAsync() => _receiver = await CallbackReceiver.StartAsync();

    public async Task DisposeAsync() => await _receiver.DisposeAsync();

    [Fact]
    public async Task Answer_IsInTheResponse_AndNobodyIsCalledBack()
    {
        _authorizer.AnswersLaterAlways(AuthorizerAnswer.Allow().With(Details));
        await using var service = await StartAsync();

        var answer = await AskAsync(service, Body());

        Assert.Equal(["requestId", "status", "reason", "timestamp", "detail", "ocpp16", "ocpp201"], Api.Names(answer));
        Assert.Equal(
            ("allowed", "authorized", "Accepted", "Accepted"),
            (Text(answer, "status"), Text(answer, "reason"), Text(answer, "ocpp16"), Text(answer, "ocpp201"))
        );
        Assert.Equal("reference-1", Text(answer.GetProperty("detail"), "authorizationReference"));
        Assert.Empty(_receiver.Received);
        using var followed = await service.Http.GetAsync($"{Api.Submit}/{Text(answer, "requestId")}");
        Assert.Equal(HttpStatusCode.NotFound, followed.StatusCode);
    }

    [Fact]
    public async Task PlainAnswer_HasNoDetail()
    {
        _authorizer.AnswersAlways(AuthorizerAnswer.Deny(DenialReason.ConcurrentSession));
        await using var service = await StartAsync();

        var answer = await AskAsync(service, Body());

        Assert.Equal(["requestId", "status", "reason", "timestamp", "ocpp16", "ocpp201"], Api.Names(answer));
        Assert.Equal("ConcurrentTx", Text(answer, "ocpp16"));
    }

    [Fact]
    public async Task AuthorizerThatHangs_IsAnsweredAtTheDeadline_ItsCallersOrOurs()
    {
        _authorizer.HangsAlways();
        await using var service = await StartAsync(TimeSpan.FromMilliseconds(300));

        var ours = await AskAsync(service, Body());
        Assert.Equal(("unknown", "deadline"), (Text(ours, "status"), Text(ours, "reason")));

        await using var patient = await StartAsync(TimeSpan.FromMinutes(5));
        var theirs = await AskAsync(patient, Body(",\"validForMillis\":1000"));
        Assert.Equal(("unknown", "deadline"), (Text(theirs, "status"), Text(theirs, "reason")));
    }

    [Theory]
    [InlineData("{}", "stationId", "Invalid station_id format. Must be a valid UUID.")]
    [InlineData("", "body", "The request body is empty. Expected a JSON object.")]
    [InlineData("[]", "body", "The request body is not a JSON object.")]
    public async Task BadInput_IsNamed(string body, string field, string message)
    {
        await using var service = await StartAsync();

        using var answer = await service.Http.PostAsync(Url, Api.Json(body));

        Assert.Equal((field, message), (await Api.InvalidAsync(answer))[0]);
    }

    [Fact]
    public async Task CallbackFormat_IsChecked()
    {
        await using var service = await StartAsync();

        using var answer = await service.Http.PostAsync(
            Api.Submit,
            Api.Json(Api.Body(_receiver.Url, more: ",\"callbackFormat\":\"other\""))
        );

        Assert.Equal(
            [("callbackFormat", "Invalid callback_format. Must be default or extended.")],
            await Api.InvalidAsync(answer)
        );
    }

    [Fact]
    public async Task ExtendedCallback_TellsWhatIsKnown_AndSoDoesTheStatus()
    {
        _authorizer.AnswersAlways(AuthorizerAnswer.Allow().With(Details));
        await using var service = await StartAsync();

        using var submitted = await service.Http.PostAsync(
            Api.Submit,
            Api.Json(Api.Body(_receiver.Url, more: ",\"callbackFormat\":\"extended\""))
        );
        var id = await Api.AcceptedAsync(submitted);
        await Eventually.HoldsAsync(() => _receiver.Received.Count == 1, "the callback arrives");

        var body = JsonSerializer.Deserialize<JsonElement>(_receiver.Received[0].Body);
        Assert.Equal(
            [
                "station_id",
                "driver_token",
                "status",
                "timestamp",
                "reason",
                "authorization_reference",
                "info",
                "party",
                "ocpp16",
                "ocpp201",
            ],
            Api.Names(body)
        );
        using var followed = await service.Http.GetAsync($"{Api.Submit}/{id}");
        var detail = (await Api.BodyOf(followed)).GetProperty("detail");
        Assert.Equal(("reference-1", "NL-TNM"), (Text(detail, "authorizationReference"), Text(detail, "party")));
    }

    [Theory]
    [InlineData("Memory")]
    [InlineData("Sqlite")]
    public async Task ExtendedCallback_HasTheSameBytes_AtARetryAndAfterARedrive(string kind)
    {
        var folder = Directory.CreateTempSubdirectory("akkacharging-extended-").FullName;
        _authorizer.AnswersAlways(AuthorizerAnswer.Allow().With(Details));
        await using (
            var service = await RunningService.StartAsync(
                settings =>
                    settings with
                    {
                        Journal = settings.Journal with
                        {
                            Kind = Enum.Parse<JournalKind>(kind),
                            Path = Path.Combine(folder, "journal.db"),
                        },
                        Callback = settings.Callback with { RetryDelay = TimeSpan.FromMilliseconds(10) },
                    },
                services => services.AddAuthorizer(_authorizer)
            )
        )
        {
            _receiver.RespondWith(HttpStatusCode.ServiceUnavailable);
            using var submitted = await service.Http.PostAsync(
                Api.Submit,
                Api.Json(Api.Body(_receiver.Url, more: ",\"callbackFormat\":\"extended\""))
            );
            var id = await Api.AcceptedAsync(submitted);
            await service.StateAsync(id, "failed");
            var before = _receiver.Received.Count;
            _receiver.RespondWith(HttpStatusCode.NoContent);
            await service.ChangeAsync($"{Operators.Letters}/{id}/redrive").ReadAsync();
            await service.StateAsync(id, "delivered");

            Assert.Equal((4, 5), (before, _receiver.Received.Count));
            Assert.Single(_receiver.Received.Select(callback => Convert.ToHexString(callback.Body)).Distinct());
        }

        Directory.Delete(folder, recursive: true);
    }

    private static string Body(string more = "") =>
        $$"""{"stationId":"{{RunningService.Station}}","driverToken":"{{Api.Token}}"{{more}}}""";

    private static string? Text(JsonElement body, string name) => body.GetProperty(name).GetString();

    private static async Task<JsonElement> AskAsync(RunningService service, string body)
    {
        using var answer = await service.Http.PostAsync(Url, Api.Json(Encoding.UTF8.GetBytes(body)));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await Api.BodyOf(answer);
    }

    private Task<RunningService> StartAsync(TimeSpan? within = null) =>
        RunningService.StartAsync(
            settings => settings with { Authorization = settings.Authorization with { AnswerWithin = within } },
            services => services.AddAuthorizer(_authorizer)
        );
}
