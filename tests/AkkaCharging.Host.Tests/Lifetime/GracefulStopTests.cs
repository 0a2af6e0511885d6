using Akka.Actor;
using AkkaCharging.Authorization;
using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Lifetime;

[Trait("Category", "Component")]
public sealed class GracefulStopTests
{
    private static readonly string Question =
        $$"""{"stationId":"{{RunningService.Station}}","driverToken":"{{RunningService.AllowedToken}}"}""";

    [Fact]
    public async Task Stop_IsUnreadyFirst_ThenRefuses_ThenDrains_ThenCloses()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2030-01-01T00:00:00Z"));
        var answered = new TaskCompletionSource<AuthorizerAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        var journal = new ScriptedJournal();
        await using var receiver = await CallbackReceiver.StartAsync();
        await using var service = await RunningService.StartAsync(
            settings => settings.WithServer(server => server with { ShutdownDelay = TimeSpan.FromSeconds(10) }),
            services =>
                services
                    .AddTime(time)
                    .AddSingleton<IRequestJournal>(journal)
                    .AddAuthorizer(new ScriptedAuthorizer().Always((_, _) => new(answered.Task)))
        );
        await service.AcceptAsync(receiver.Url);
        Assert.Equal(200, await StatusAsync(service, "/health/ready"));

        var stopping = service.App.StopAsync();
        await Eventually.HoldsAsync(async () => (await StatusAsync(service, "/health/ready")) == 503, "not ready");
        Assert.Equal(200, await StatusAsync(service, "/health/live"));
        await service.AcceptAsync(receiver.Url); // load balancers have not noticed yet

        time.Advance(TimeSpan.FromSeconds(10));
        await Eventually.HoldsAsync(async () => (await SubmittedAsync()) == 503, "new work is refused");
        using (var refused = await service.SubmitAsync(receiver.Url))
            await Api.RefusedAsync(refused, 503, "shutting_down");
        using (var question = await service.Http.PostAsync("/api/v1/authorize", Api.Json(Question)))
            await Api.RefusedAsync(question, 503, "shutting_down");
        Assert.False(stopping.IsCompleted);
        Assert.False(journal.IsDisposed);
        Assert.Empty(receiver.Received);

        answered.SetResult(AuthorizerAnswer.AllowedByList);
        await stopping;
        Assert.True(receiver.Received.Count >= 2);
        Assert.True(journal.IsDisposed);
        await Assert.ThrowsAsync<HttpRequestException>(() => service.SubmitAsync(receiver.Url));
        await service.App.StopAsync().WaitAsync(Eventually.Patience); // once more: waits for nothing

        async Task<int> SubmittedAsync()
        {
            using var answer = await service.SubmitAsync(receiver.Url);
            return (int)answer.StatusCode;
        }
    }

    [Fact]
    public async Task MemoryJournal_LogsWhatIsLost()
    {
        await StopWithPendingAsync(count: 7, journal: null);

        await LoggedAsync("Shutdown grace period ended: 7 accepted requests are lost, because journal.kind is memory");
    }

    [Fact]
    public async Task DurableJournal_LogsWhatStays()
    {
        await StopWithPendingAsync(count: 6, new ScriptedJournal("sqlite"));

        await LoggedAsync("Stopped: 6 accepted requests remain in the journal and resume at the next start");
    }

    [Fact]
    public async Task LaneThatDoesNotAnswer_LeavesWhatItHolds_AndTheJournalIsClosed()
    {
        var journal = new ScriptedJournal("sqlite");

        await StopWithPendingAsync(
            count: 5,
            journal,
            service =>
                service
                    .App.Services.GetRequiredService<ActorSystem>()
                    .ActorSelection("/user/lane-0")
                    .Tell(PoisonPill.Instance)
        );

        await LoggedAsync("Stopped: 5 accepted requests remain in the journal");
        Assert.True(journal.IsDisposed);
    }

    /// <summary>Such as a disk that hangs in the middle of a batch.</summary>
    [Fact]
    public async Task JournalThatNeverAnswersASubmission_DoesNotKeepTheProcess()
    {
        var journal = new ScriptedJournal("sqlite") { Hangs = true };
        await using var receiver = await CallbackReceiver.StartAsync();
        await using var service = await RunningService.StartAsync(
            settings => settings.WithServer(server => server with { ShutdownGrace = TimeSpan.FromMilliseconds(50) }),
            services => services.AddSingleton<IRequestJournal>(journal)
        );
        using var hungUp = new CancellationTokenSource();
        var submitting = service.SubmitAsync(receiver.Url).WaitAsync(hungUp.Token);
        var intake = service.App.Services.GetRequiredService<Intake>();
        await Eventually.HoldsAsync(() => intake.Submitting == 1, "the submission is under way");

        await service
            .App.Services.GetServices<IHostedService>()
            .OfType<IHostedLifecycleService>()
            .Single(hosted => hosted.GetType().Name == "ChargingLifetime")
            .StoppingAsync(default)
            .WaitAsync(Eventually.Patience);

        Assert.True(journal.IsDisposed);
        await hungUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => submitting);
    }

    private static async Task StopWithPendingAsync(
        int count,
        ScriptedJournal? journal,
        Action<RunningService>? before = null
    )
    {
        await using var receiver = await CallbackReceiver.StartAsync();
        receiver.Hang();
        await using var service = await RunningService.StartAsync(
            settings => settings.WithServer(server => server with { ShutdownGrace = TimeSpan.FromMilliseconds(50) }),
            services =>
            {
                if (journal is not null)
                    services.AddSingleton<IRequestJournal>(journal);
            }
        );
        for (var i = 0; i < count; i++)
            await service.AcceptAsync(receiver.Url);

        before?.Invoke(service);
        await service.App.StopAsync();
    }

    private static Task LoggedAsync(string line) =>
        Eventually.HoldsAsync(() => CapturedConsole.Text.Contains(line, StringComparison.Ordinal), line);

    private static async Task<int> StatusAsync(RunningService service, string path)
    {
        using var answer = await service.Http.GetAsync(path);
        return (int)answer.StatusCode;
    }
}
