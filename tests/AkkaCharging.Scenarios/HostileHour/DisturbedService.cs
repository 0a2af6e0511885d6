using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>
/// A service that is killed, stopped and held up, and that a platform starts again with other settings and a new
/// encryption key.
/// </summary>
/// <param name="fixedSettings">Settings of every start.</param>
/// <param name="folder">The working directory.</param>
internal sealed class DisturbedService(Dictionary<string, string> fixedSettings, string folder) : IAsyncDisposable
{
    private const int StartsMax = 20;
    private static readonly string[] Lanes = ["1", "2", "4"];
    private static readonly string[] InFlight = ["32", "4096"];

    private readonly List<string> _encryptionKeys = [NewKey()];
    private Dictionary<string, string> _settings = [];
    private ServiceProcess? _current;

    /// <summary>Where clients reach it, whether it runs or not.</summary>
    public int Port { get; } = FreePort.Next();

    /// <summary>The process that runs now.</summary>
    public ServiceProcess Current => _current ?? throw new InvalidOperationException("The service does not run.");

    /// <summary>Number of SIGKILLs.</summary>
    public int Kills { get; private set; }

    /// <summary>Faults after which the same process goes on.</summary>
    public IReadOnlyList<Fault> Pauses =>
        [
            new("SIGSTOP", SuspendAsync, Weight: 2),
            new(
                "SIGHUP",
                _ =>
                {
                    Current.Process.HangUp();
                    return Task.CompletedTask;
                }
            ),
        ];

    /// <summary>Faults after which another process goes on.</summary>
    public IReadOnlyList<Fault> Ends =>
        [
            new("SIGKILL", RestartKilledAsync, Weight: 8),
            new("SIGKILL at starts", KillAtStartsAsync, Weight: 3),
            new("SIGTERM", RestartStoppedAsync),
        ];

    /// <summary>Starts it and waits until it is ready; again when it exits, as a platform does.</summary>
    public async Task StartAsync(Random random)
    {
        for (var starts = 1; ; starts++)
        {
            var service = Launch(random);
            await Eventually.HoldsAsync(
                async () =>
                    service.Process.HasExited || await service.StatusOfAsync("/health/ready") == HttpStatusCode.OK,
                "the service is ready"
            );
            if (!service.Process.HasExited)
                return;
            if (starts == StartsMax)
                throw new InvalidOperationException($"The service does not start:\n{service.Process.Everything}");
            await DisposeAsync();
        }
    }

    /// <summary>SIGKILL, without another start.</summary>
    public async Task KillAsync()
    {
        await Current.Process.CrashAsync();
        Kills++;
        await DisposeAsync();
    }

    /// <summary>Starts another command of the service, with the settings of its latest start.</summary>
    public ServiceProcess LaunchCommand(params string[] arguments) =>
        ServiceProcess.Launch(_settings, folder, arguments);

    public async ValueTask DisposeAsync()
    {
        if (_current is { } service)
            await service.DisposeAsync();
        _current = null;
    }

    private static string NewKey() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    private ServiceProcess Launch(Random random)
    {
        if (random.Next(8) == 0)
            _encryptionKeys.Insert(0, NewKey());
        _settings = new Dictionary<string, string>(fixedSettings, StringComparer.Ordinal)
        {
            ["SERVER_PORT"] = Port.ToString(CultureInfo.InvariantCulture),
            ["QUEUE_CONSUMER_THREADS"] = Lanes[random.Next(Lanes.Length)],
            ["CALLBACK_MAX_IN_FLIGHT"] = InFlight[random.Next(InFlight.Length)],
            ["CALLBACK_MAX_IN_FLIGHT_PER_DESTINATION"] = "32",
            ["CALLBACK_DESTINATION_BREAKER_ENABLED"] = random.Next(2) == 0 ? "true" : "false",
            ["JOURNAL_ENCRYPTION_KEYS"] = string.Join(',', _encryptionKeys),
        };
        return _current = ServiceProcess.Launch(_settings, folder);
    }

    private async Task SuspendAsync(Random random)
    {
        Current.Process.Suspend();
        try
        {
            await random.WaitAsync(500, 3_000);
        }
        finally
        {
            Current.Process.Resume();
        }
    }

    private async Task RestartKilledAsync(Random random)
    {
        await KillAsync();
        await StartAsync(random);
    }

    private async Task KillAtStartsAsync(Random random)
    {
        await KillAsync();
        for (var kills = random.Next(1, 6); kills > 0; kills--)
        {
            var service = Launch(random);
            await random.WaitAsync(0, 2_000);
            if (service.Process.HasExited)
                await DisposeAsync();
            else
                await KillAsync();
        }

        await StartAsync(random);
    }

    private async Task RestartStoppedAsync(Random random)
    {
        await Current.StopAsync();
        await DisposeAsync();
        await StartAsync(random);
    }
}
