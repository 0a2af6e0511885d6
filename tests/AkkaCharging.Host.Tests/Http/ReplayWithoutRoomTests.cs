using AkkaCharging.Journal;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Postgres;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests.Http;

/// <summary>
/// The repeat of an accepted submission is answered as usual, even when there is no room for new ones.
/// </summary>
[Trait("Category", "Component")]
public sealed class ReplayWithoutRoomTests : IAsyncLifetime
{
    private const string Header = "Idempotency-Key";
    private readonly string _folder = Directory.CreateTempSubdirectory("akkacharging-replay-").FullName;
    private readonly PostgresFixture _postgres = new();
    private bool _hasPostgres;
    private CallbackReceiver _receiver = null!;

    public async Task InitializeAsync()
    {
        _receiver = await CallbackReceiver.StartAsync();
        _receiver.Hang();
    }

    public async Task DisposeAsync()
    {
        await _receiver.DisposeAsync();
        if (_hasPostgres)
            await _postgres.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(JournalKind.Memory, "queue_full")]
    [InlineData(JournalKind.Memory, "destination_backlogged")]
    [InlineData(JournalKind.Sqlite, "queue_full")]
    [InlineData(JournalKind.Sqlite, "destination_backlogged")]
    [InlineData(JournalKind.Postgres, "queue_full")]
    [InlineData(JournalKind.Postgres, "destination_backlogged")]
    public async Task Replay_HasItsFirstAnswer_WhereNothingNewIsTaken(object kind, string refusal)
    {
        var journal = await JournalAsync((JournalKind)kind);
        await using var service = await RunningService.StartAsync(settings =>
            Small(settings, refusal) with
            {
                Journal = journal,
            }
        );
        using var first = await SendAsync(service, "kept", Api.Body(_receiver.Url));
        var id = await Api.AcceptedAsync(first);

        using var without = await service.SubmitAsync(_receiver.Url);
        using var another = await SendAsync(service, "another", Api.Body(_receiver.Url));
        using var replay = await SendAsync(service, "kept", Api.Body(_receiver.Url));
        using var conflict = await SendAsync(
            service,
            "kept",
            Api.Body(_receiver.Url, token: RunningService.UnknownToken)
        );

        await Api.RefusedAsync(without, 503, refusal);
        await Api.RefusedAsync(another, 503, refusal);
        Assert.NotNull(another.Headers.RetryAfter);
        Assert.Equal(id, await Api.AcceptedAsync(replay));
        Assert.Equal("true", replay.Headers.GetValues("Idempotent-Replay").Single());
        await Api.RefusedAsync(conflict, 409, "conflict");
    }

    [Fact]
    public async Task JournalAway_LeavesTheRefusalAsItIs()
    {
        var journal = new ScriptedJournal();
        await using var service = await RunningService.StartAsync(
            settings => Small(settings, "queue_full"),
            services => services.AddSingleton<IRequestJournal>(journal)
        );
        using var first = await SendAsync(service, "kept", Api.Body(_receiver.Url));
        journal.Fault = new JournalUnavailableException("disk full");

        using var replay = await SendAsync(service, "kept", Api.Body(_receiver.Url));

        await Api.AcceptedAsync(first);
        await Api.RefusedAsync(replay, 503, "queue_full");
    }

    /// <summary>Room for one request, of all or of one destination.</summary>
    private static ChargingSettings Small(ChargingSettings settings, string refusal) =>
        settings
            .WithServer(server => server with { ShutdownGrace = TimeSpan.Zero })
            .WithQueue(
                maxSize: refusal == "queue_full" ? 1 : 100,
                destinationShare: refusal == "queue_full" ? 4 : 0.02
            );

    private static Task<HttpResponseMessage> SendAsync(RunningService service, string key, string body) =>
        service.Http.SendAsync(Api.Post(body, (Header, key)));

    private async Task<JournalSettings> JournalAsync(JournalKind kind)
    {
        var defaults = SettingsLoader.Defaults.Journal with { Kind = kind, Path = Path.Combine(_folder, "journal.db") };
        if (kind != JournalKind.Postgres)
            return defaults;
        _hasPostgres = true;
        await _postgres.StartAsync();
        return defaults with
        {
            ConnectionString = await _postgres.NewSchemaAsync(),
            EncryptionKeys = [EncryptionKey.Generate()],
        };
    }
}
