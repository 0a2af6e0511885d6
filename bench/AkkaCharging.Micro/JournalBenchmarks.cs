using AkkaCharging.Journal;
using AkkaCharging.Journal.Memory;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Engines;

namespace AkkaCharging.Micro;

/// <summary>Group commit: each of many callers waits for its request to be on disk before it brings the next.</summary>
[MemoryDiagnoser]
[SimpleJob(RunStrategy.Monitoring, warmupCount: 2, iterationCount: 5, invocationCount: 1)]
public class JournalBenchmarks
{
    private const int Requests = 20_480;
    private string _folder = "";
    private IRequestJournal _journal = null!;
    private ChargingRequest[] _requests = [];

    [Params(64, 256)]
    public int Callers { get; set; }

    [Params(nameof(JournalKind.Sqlite), nameof(JournalKind.Memory))]
    public string Kind { get; set; } = nameof(JournalKind.Sqlite);

    [GlobalSetup]
    public Task SetupAsync()
    {
        _folder = Directory.CreateTempSubdirectory("akkacharging-micro-").FullName;
        var settings = SettingsLoader.Defaults.Journal with { Path = Path.Combine(_folder, "journal.db") };
        _journal =
            Enum.Parse<JournalKind>(Kind) == JournalKind.Sqlite
                ? new SqliteJournal(settings, TimeProvider.System)
                : new MemoryJournal(settings, TimeProvider.System);
        return _journal.StartAsync(CancellationToken.None);
    }

    [IterationSetup]
    public void NewRequests() => _requests = [.. Enumerable.Range(0, Requests).Select(Some.Request)];

    [Benchmark(OperationsPerInvoke = Requests)]
    public Task Accept() =>
        Parallel.ForAsync(
            0,
            Requests,
            new ParallelOptions { MaxDegreeOfParallelism = Callers },
            async (number, _) => await _journal.AcceptAsync(_requests[number], null, CancellationToken.None)
        );

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        await _journal.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
