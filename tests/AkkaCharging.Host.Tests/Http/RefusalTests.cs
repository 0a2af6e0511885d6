using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests.Http;

/// <summary>What the service rejects because of its own state, and its answer to a defect.</summary>
[Trait("Category", "Component")]
public sealed class RefusalTests
{
    [Fact]
    public async Task QueueFull_Returns503_UntilRequestsSettle()
    {
        await using var receiver = await CallbackReceiver.StartAsync();
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithQueue(maxSize: 4).WithServer(server => server with { ShutdownGrace = TimeSpan.Zero })
        );
        receiver.Hang();
        await service.AcceptAsync(receiver.Url); // half of the queue is for destinations that have answered
        await service.AcceptAsync(receiver.Url);

        using (var refused = await service.SubmitAsync(receiver.Url))
        {
            Assert.Equal("Too many requests are pending.", await Api.RefusedAsync(refused, 503, "queue_full"));
            Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        }

        Assert.Equal(2, (await service.GetAsync("/metrics")).GetProperty("queue_size_current").GetInt32());
    }

    [Fact]
    public async Task DestinationThatHoldsItsShare_Returns503_ForItAlone()
    {
        await using var hanging = await CallbackReceiver.StartAsync();
        await using var healthy = await CallbackReceiver.StartAsync();
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithQueue(maxSize: 10).WithServer(server => server with { ShutdownGrace = TimeSpan.Zero })
        );
        hanging.Hang();
        for (var i = 0; i < 4; i++)
            // four fifths of the half that is left to those that have not answered
            await service.AcceptAsync(hanging.Url);

        using (var refused = await service.SubmitAsync(hanging.Url))
        {
            Assert.Equal(
                "Too many requests are pending for this callback destination.",
                await Api.RefusedAsync(refused, 503, "destination_backlogged")
            );
            Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        }

        await service.AcceptAsync(healthy.Url);
        await Eventually.HoldsAsync(() => healthy.Received.Count == 1, "the other destination is called back");
    }

    [Fact]
    public async Task Closed_Returns503_AndStillTellsWhatBecameOfRequests()
    {
        await using var receiver = await CallbackReceiver.StartAsync();
        await using var service = await RunningService.StartAsync();
        var id = await service.AcceptAsync(receiver.Url);
        await service.App.Services.GetRequiredService<Intake>().CloseAsync();

        using var refused = await service.SubmitAsync(receiver.Url);

        Assert.Equal("The service is shutting down.", await Api.RefusedAsync(refused, 503, "shutting_down"));
        Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter!.Delta);
        Assert.Equal(id, (await service.GetAsync($"{Api.Submit}/{id}")).GetProperty("requestId").GetString());
    }

    [Fact]
    public async Task JournalUnavailable_Returns503_OnBothRoutes_AndRecovers()
    {
        var journal = new ScriptedJournal { Fault = new JournalUnavailableException("disk full at /var/secret") };
        await using var receiver = await CallbackReceiver.StartAsync();
        await using var service = await RunningService.StartAsync(customize: services =>
            services.AddSingleton<IRequestJournal>(journal)
        );

        using (var submitted = await service.SubmitAsync(receiver.Url))
        using (var followed = await service.Http.GetAsync($"{Api.Submit}/req-{Guid.CreateVersion7()}"))
        {
            foreach (var refused in new[] { submitted, followed })
            {
                Assert.Equal(
                    "The journal is not available.",
                    await Api.RefusedAsync(refused, 503, "journal_unavailable")
                );
                Assert.Equal(TimeSpan.FromSeconds(5), refused.Headers.RetryAfter!.Delta);
            }
        }

        journal.Fault = null;
        await service.AcceptAsync(receiver.Url);
    }

    [Fact]
    public async Task Defect_Returns500_WithoutADetail_AndIsLoggedAndCounted()
    {
        var marker = $"detail-{Guid.NewGuid():N}";
        var journal = new ScriptedJournal { Fault = new InvalidOperationException(marker) };
        await using var service = await RunningService.StartAsync(
            settings => settings.WithServer(server => server with { CorsAllowedOrigins = ["https://app.example.com"] }),
            services => services.AddSingleton<IRequestJournal>(journal)
        );

        using var answer = await service.Http.SendAsync(Api.Post(Api.Body(), ("Origin", "https://app.example.com")));

        Assert.Equal("An internal error occurred.", await Api.RefusedAsync(answer, 500, "internal_error"));
        Assert.Equal("https://app.example.com", answer.Headers.GetValues("Access-Control-Allow-Origin").Single());
        Assert.DoesNotContain(marker, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await Eventually.HoldsAsync(
            () => CapturedConsole.Text.Contains(marker, StringComparison.Ordinal),
            "it is logged"
        );
        await Eventually.HoldsAsync(
            async () =>
                (await service.GetAsync("/metrics"))
                    .GetProperty("requests")
                    .TryGetProperty("internal_error", out var count)
                && count.GetInt64() == 1,
            "the defect in the metrics"
        );
    }

    [Fact]
    public async Task DefectInDevelopment_NamesItsKind_AndNoMore()
    {
        var journal = new ScriptedJournal { Fault = new InvalidOperationException("detail") };
        await using var service = await RunningService.StartAsync(
            settings => settings.WithServer(server => server with { Development = true }),
            services => services.AddSingleton<IRequestJournal>(journal)
        );

        using var answer = await service.Http.SendAsync(Api.Post(Api.Body()));

        Assert.Equal(
            "An internal error occurred (InvalidOperationException; see the log).",
            await Api.RefusedAsync(answer, 500, "internal_error")
        );
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task DefectOnTheStatusPage_Returns500_WhateverIsThrown_AndLogsTheEndpoint(bool isCancellation)
    {
        // A cancellation that was not requested is a defect like any other.
        var marker = $"detail-{Guid.NewGuid():N}";
        var journal = new ScriptedJournal
        {
            Fault = isCancellation ? new OperationCanceledException(marker) : new InvalidOperationException(marker),
        };
        await using var service = await RunningService.StartAsync(customize: services =>
            services.AddSingleton<IRequestJournal>(journal)
        );
        var id = $"req-{Guid.CreateVersion7()}";

        using var answer = await service.Http.GetAsync($"{Api.Submit}/{id}");

        await Api.RefusedAsync(answer, 500, "internal_error");
        await Eventually.HoldsAsync(
            () =>
                CapturedConsole
                    .Text.Split('\n')
                    .Any(line =>
                        line.Contains(marker, StringComparison.Ordinal)
                        && line.Contains("HTTP: GET /api/v1/charging-session/{requestId}", StringComparison.Ordinal)
                    ),
            "the log names the endpoint"
        );
    }

    [Fact]
    public async Task FailingAuthorizer_IsNoDefect_OfTheSubmission()
    {
        await using var receiver = await CallbackReceiver.StartAsync();
        await using var service = await RunningService.StartAsync(customize: services =>
            services.AddAuthorizer(new ScriptedAuthorizer().FailsAlways(new InvalidOperationException("back end")))
        );

        var id = await service.AcceptAsync(receiver.Url);

        await Eventually.HoldsAsync(() => receiver.Received.Count == 1, "the callback");
        Assert.Equal((id, "unknown"), (receiver.Received[0].WebhookId, receiver.Received[0].Status));
    }
}
