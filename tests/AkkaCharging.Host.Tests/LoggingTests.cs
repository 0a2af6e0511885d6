using System.Net;
using System.Text.Json;
using AkkaCharging.Journal;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests;

[Trait("Category", "Component")]
public sealed class LoggingTests
{
    [Theory]
    [InlineData(LogFormat.Json)]
    [InlineData(LogFormat.Text)]
    public async Task DriverTokenAndCallbackPath_AppearNowhere(object format)
    {
        var canary = $"canary-{Guid.NewGuid():N}";
        var path = $"path-{Guid.NewGuid():N}";
        var defect = $"defect-{Guid.NewGuid():N}";
        var logged = CapturedConsole.Text.Length;
        var journal = new ScriptedJournal();
        var authorizer = new ScriptedAuthorizer();
        var answers = new List<string>();
        await using var receiver = await CallbackReceiver.StartAsync();
        var url = $"{receiver.Url}/{path}?secret={path}";
        await using (var service = await StartAsync())
        {
            var accepted = await SendAsync(service, Api.Body(url, canary));
            receiver.RespondWith(HttpStatusCode.BadGateway);
            await SendAsync(service, Api.Body(url, canary));
            await SendAsync(service, Api.Body($"http://127.0.0.1:1/{path}?{path}", canary));
            authorizer.FailsAlways();
            await SendAsync(service, Api.Body(url, canary));
            await SendAsync(service, Api.Body($"http://10.0.0.1/{path}", canary));
            await SendAsync(service, Api.Body(url, canary)[..^1]);
            await SendAsync(service, Api.Body(url, canary + " "));
            await SendAsync(service, $"[\"{canary}\"]");
            await SendAsync(service, Api.Body(url, canary), contentType: "text/plain");
            await Eventually.HoldsAsync(
                async () => (await service.GetAsync("/metrics")).GetProperty("queue_size_current").GetInt32() == 0,
                "all settled"
            );
            journal.Fault = new InvalidOperationException(defect);
            await SendAsync(service, Api.Body(url, canary));
            journal.Fault = null;
            foreach (var page in new[] { "/metrics", "/health", "/health/ready", $"{Api.Submit}/{accepted}" })
                answers.Add(await service.Http.GetStringAsync(page));
        }

        await Eventually.HoldsAsync(
            () => CapturedConsole.Text.Contains(defect, StringComparison.Ordinal),
            "the log is written up to the defect"
        );
        var log = CapturedConsole.Text[logged..];
        Assert.Contains("cana***", log, StringComparison.Ordinal);
        Assert.Contains("cana***", answers[^1], StringComparison.Ordinal);
        Assert.Contains("Unhandled exception in", log, StringComparison.Ordinal);
        Assert.All(
            answers.Append(log),
            text =>
            {
                Assert.DoesNotContain(canary, text, StringComparison.Ordinal);
                Assert.DoesNotContain(path, text, StringComparison.Ordinal);
            }
        );

        Task<RunningService> StartAsync() =>
            RunningService.StartAsync(
                settings =>
                    settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero }) with
                    {
                        Logging = new LoggingSettings(LogThreshold.Debug, (LogFormat)format),
                        Callback = settings.Callback with
                        {
                            MaxRetries = 1,
                            RetryDelay = TimeSpan.FromMilliseconds(10),
                        },
                        Authorization = settings.Authorization with { MaxRetries = 0 },
                    },
                services => services.AddAuthorizer(authorizer).AddSingleton<IRequestJournal>(journal)
            );

        async Task<string?> SendAsync(RunningService service, string body, string contentType = "application/json")
        {
            var content = Api.Json(body);
            content.Headers.ContentType = new(contentType);
            using var response = await service.Http.PostAsync(Api.Submit, content);
            answers.Add(await response.Content.ReadAsStringAsync());
            return JsonSerializer.Deserialize<JsonElement>(answers[^1]).TryGetProperty("requestId", out var id)
                ? id.GetString()
                : null;
        }
    }

    [Theory]
    [InlineData(LogThreshold.Info, true)]
    [InlineData(LogThreshold.Warning, false)]
    [InlineData(LogThreshold.Error, false)]
    public async Task Level_IsObeyed(object level, bool isLogged)
    {
        await using var receiver = await CallbackReceiver.StartAsync();
        string id;
        await using (
            var service = await RunningService.StartAsync(settings =>
                settings with
                {
                    Logging = new LoggingSettings((LogThreshold)level, LogFormat.Auto),
                }
            )
        )
        {
            id = await service.AcceptAsync(receiver.Url);
            await Eventually.HoldsAsync(
                async () =>
                    (await service.GetAsync("/metrics"))
                        .GetProperty("deliveries_total")
                        .GetProperty("delivered")
                        .GetInt64() == 1,
                "settled, and so decided and logged"
            );
        }

        if (isLogged)
            await Eventually.HoldsAsync(IsLogged, "the decision is logged");
        Assert.Equal(isLogged, IsLogged());

        bool IsLogged() =>
            CapturedConsole
                .Text.Split('\n')
                .Any(line =>
                    line.Contains("Decided", StringComparison.Ordinal) && line.Contains(id, StringComparison.Ordinal)
                );
    }
}
