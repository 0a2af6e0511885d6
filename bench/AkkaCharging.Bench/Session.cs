using System.Diagnostics;
using System.Globalization;
using AkkaCharging.Bench.Driving;
using AkkaCharging.Bench.Processes;
using AkkaCharging.Bench.Receiver;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Postgres;
using Npgsql;

namespace AkkaCharging.Bench;

/// <summary>
/// What all rows share: the receiver, the ledger, the targets, PostgreSQL, and the rule for what a valid run is.
/// </summary>
internal sealed class Session : IAsyncDisposable
{
    private static readonly TimeSpan DrainBound = TimeSpan.FromSeconds(60);
    private readonly string _folder;
    private readonly MeasuredProcess _receiver;
    private readonly int _receiverPort;
    private readonly HashSet<int> _owed = [];
    private PostgresFixture? _postgres;
    private int _sequence;

    private Session(BenchOptions options, string folder, Ledger ledger, MeasuredProcess receiver, int receiverPort)
    {
        (Options, _folder, Ledger, _receiver, _receiverPort) = (options, folder, ledger, receiver, receiverPort);
        Targets = new Targets(options, folder);
    }

    public BenchOptions Options { get; }

    public Ledger Ledger { get; }

    public Targets Targets { get; }

    /// <summary>Every run of the session, for the report.</summary>
    public List<Run> Runs { get; } = [];

    /// <summary>Before each turn of a target that is warm: connections are opened, and the loop fills.</summary>
    private TimeSpan Settling => TimeSpan.FromSeconds(Math.Min(1, Options.WarmUpSeconds));

    public TimeSpan WarmUp => TimeSpan.FromSeconds(Options.WarmUpSeconds);

    public TimeSpan Duration => TimeSpan.FromSeconds(Options.Seconds);

    /// <summary>The back end of <c>authorization.provider = http</c>.</summary>
    public string AuthorizerUrl => $"http://127.0.0.1:{_receiverPort}/authorize";

    public static async Task<Session> StartAsync(BenchOptions options)
    {
        var folder = Directory.CreateTempSubdirectory("akkacharging-bench-").FullName;
        var ledgerPath = Path.Combine(
            Directory.Exists("/dev/shm") ? "/dev/shm" : folder,
            $"akkacharging-bench-{Environment.ProcessId}.ledger"
        );
        var ledger = Ledger.Create(ledgerPath);
        var receiver = MeasuredProcess.Start(
            "receiver",
            "AkkaCharging.Bench.Receiver.dll",
            [ledgerPath],
            folder,
            environment: new Dictionary<string, string>(),
            processors: options.DriverProcessors
        );
        try
        {
            await Eventually.HoldsAsync(
                () => receiver.FirstLine is not null || receiver.HasExited,
                "the receiver listens"
            );
            return receiver.HasExited
                ? throw new InvalidRunException($"The receiver did not start:\n{receiver.Output}")
                : new(options, folder, ledger, receiver, int.Parse(receiver.FirstLine!, CultureInfo.InvariantCulture));
        }
        catch
        {
            await receiver.DisposeAsync();
            throw;
        }
        finally
        {
            File.Delete(ledgerPath); // both have it open
        }
    }

    /// <summary>Callback URL of destination <paramref name="number"/>.</summary>
    /// <param name="closes">Whether the receiver closes the connection after each callback.</param>
    public string Url(int number, string host = "127.0.0.1", bool closes = false) =>
        $"http://{host}:{_receiverPort}/{(closes ? 'x' : 'c')}/{number}";

    public Submissions OneDestination() => new([Url(0)]);

    /// <summary>An empty journal in PostgreSQL; the server is started when it is first asked for.</summary>
    public async Task<Dictionary<string, string>> PostgresAsync()
    {
        if (_postgres is null)
        {
            _postgres = new PostgresFixture();
            await _postgres.StartAsync();
        }

        return Targets.Postgres(await _postgres.NewSchemaAsync());
    }

    /// <summary>
    /// Gives PostgreSQL's planner the statistics of tables that grew within seconds, as its own process would within a
    /// minute.
    /// </summary>
    public async Task AnalyzeAsync()
    {
        await using var connection = new NpgsqlConnection(_postgres!.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("ANALYZE", connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>A closed loop, as fast as the target goes.</summary>
    public Task<Run> SaturateAsync(
        RunningTarget target,
        Submissions? submissions = null,
        int? connections = null,
        bool isWarm = false
    ) =>
        DriveAsync(
            target,
            new LoadPlan(
                target.EndPoints,
                submissions ?? OneDestination(),
                connections ?? Options.Connections,
                isWarm ? Settling : WarmUp,
                Duration,
                AwaitsCallbacks: target.CallsBack
            )
        );

    /// <summary>An open loop of <paramref name="rate"/> requests a second.</summary>
    public Task<Run> OfferAsync(RunningTarget target, double rate, bool isWarm = false) =>
        DriveAsync(
            target,
            new LoadPlan(
                target.EndPoints,
                OneDestination(),
                Options.Connections,
                isWarm ? Settling : WarmUp,
                Duration,
                rate
            )
        );

    /// <summary>A closed loop for as long as a warm-up takes, with nothing wrong.</summary>
    /// <param name="hasFaults">Whether faults are to follow: refusals are fine then, and callbacks owed.</param>
    public Task<Run> WarmUpAsync(RunningTarget target, int window = 1_024, bool hasFaults = false) =>
        DriveAsync(
            target,
            new LoadPlan(
                target.EndPoints,
                OneDestination(),
                Options.Connections,
                TimeSpan.FromSeconds(0.1),
                WarmUp,
                Window: window,
                AwaitsCallbacks: target.CallsBack,
                RefusalsAreFine: hasFaults
            ),
            hasFaults
        );

    /// <summary>
    /// Starts the sides of a comparison, warms each up, and drives them in turns: what the machine does meanwhile, all
    /// of them see.
    /// </summary>
    /// <param name="drive">One turn of a warm side.</param>
    /// <returns>The runs of each side, one for each round.</returns>
    public async Task<IReadOnlyDictionary<string, List<Run>>> CompareAsync(
        IReadOnlyList<string> names,
        Func<string, Task<RunningTarget>> start,
        Func<RunningTarget, Task<Run>> drive,
        int rounds
    )
    {
        var targets = new List<RunningTarget>();
        try
        {
            foreach (var name in names)
            {
                var target = await start(name);
                targets.Add(target);
                await WarmUpAsync(target);
            }

            var runs = names.ToDictionary(name => name, _ => new List<Run>(), StringComparer.Ordinal);
            for (var round = 0; round < rounds; round++)
            {
                foreach (var target in round % 2 == 0 ? targets : Enumerable.Reverse(targets))
                    runs[target.Name].Add(await drive(target));
            }

            return runs;
        }
        finally
        {
            foreach (var target in targets)
                await target.DisposeAsync();
        }
    }

    /// <summary>A closed loop into which the target is killed.</summary>
    /// <returns>The requests that it had answered 200.</returns>
    public async Task<IReadOnlyList<int>> KillUnderLoadAsync(RunningTarget target)
    {
        var driver = new LoadDriver(
            new LoadPlan(
                target.EndPoints,
                OneDestination(),
                Options.Connections,
                TimeSpan.Zero,
                Duration + DrainBound,
                EndsWithTarget: true
            ),
            Ledger,
            _sequence
        );
        var driving = Task.Factory.StartNew(
            () =>
            {
                Affinity.PinThread(Options.DriverProcessors);
                return driver.Run(() => { });
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default
        );
        await Task.Delay(Duration);
        await Eventually.HoldsAsync(
            () => driver.Accepted > 0 || driving.IsCompleted,
            $"{target.Name} accepts a request"
        );
        await target.Process.KillAsync();
        var load = await driving;
        _sequence = driver.NextSequence;
        return load.Accepted.Count > 0 && load.Errors.Keys.All(status => status < 0)
            ? load.Accepted
            : throw new InvalidRunException(
                $"{target.Name}: {load.Accepted.Count} requests were accepted before the kill, answers: "
                    + string.Join(", ", load.Errors.Select(error => $"{error.Value} with status {error.Key}"))
            );
    }

    /// <summary>Drives a target, waits for every callback, and insists that the run was valid.</summary>
    /// <param name="hasFaults">Callbacks may come late, twice, or say <c>unknown</c>: they are owed until
    /// <see cref="SettleAllAsync"/>.</param>
    /// <exception cref="InvalidRunException">It was not, and why.</exception>
    public async Task<Run> DriveAsync(RunningTarget target, LoadPlan plan, bool hasFaults = false)
    {
        if (_sequence > Ledger.Capacity / 2 + Ledger.Capacity / 4)
            throw new InvalidRunException("The ledger is full; run fewer rows at a time.");
        var before = (Ledger.Duplicates, Ledger.Malformed, Ledger.Unknown, Ledger.Allowed);
        var samples = new List<Sample>();
        var driver = new LoadDriver(plan, Ledger, _sequence);
        var load = await Task.Factory.StartNew(
            () =>
            {
                Affinity.PinThread(Options.DriverProcessors);
                return driver.Run(() => samples.Add(Take(target)));
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default
        );
        _sequence = driver.NextSequence;
        List<string> problems = [];
        if (plan.AwaitsCallbacks)
        {
            if (!hasFaults)
                await ArriveAsync(load.Accepted);
            var lost = driver.Settle();
            if (hasFaults)
                _owed.UnionWith(lost);
            else if (lost.Count > 0)
                problems.Add(
                    $"{lost.Count} of {load.Accepted.Count} accepted requests were not called back within "
                        + $"{DrainBound.TotalSeconds} s"
                );
            if (!hasFaults)
                problems.AddRange(Unfaithful(load, before));
        }

        problems.AddRange(Problems(plan, load, samples));
        var run = Summarize(target, plan, load, samples);
        Runs.Add(run);
        Console.WriteLine(
            $"  {run.Target, -16} {run.PerSecond, 9:N0}/s  accept p50 {run.AcceptMillis(50), 7:N2} p99 "
                + $"{run.AcceptMillis(99), 8:N2} ms  end to end p99 {run.EndToEndMillis(99), 8:N1} ms"
                + $"  cpu {run.ServiceMicros, 6:N1} us  {run.AllocatedBytes, 7:N0} B  gc {run.GcPauseShare, 5:P1} "
                + $"jit {run.CompilingShare, 5:P1}  others busy {run.ForeignLoad:N2}, stolen {run.StolenLoad:N2}"
        );
        return problems.Count == 0
            ? run
            : throw new InvalidRunException($"{target.Name}: {string.Join("; ", problems)}");
    }

    /// <summary>Ends all faults and waits for what is owed from runs with faults.</summary>
    /// <exception cref="InvalidRunException">Some never came.</exception>
    public async Task SettleAllAsync(TimeSpan? patience = null)
    {
        Ledger.HangFrom = long.MaxValue;
        Ledger.Authorizer = (long)AuthorizerMode.Allows;
        var started = Stopwatch.GetTimestamp();
        while (_owed.RemoveWhere(sequence => Ledger.ArrivedAt(sequence) != 0) >= 0 && _owed.Count > 0)
        {
            if (Stopwatch.GetElapsedTime(started) > (patience ?? DrainBound))
                throw new InvalidRunException(
                    $"{_owed.Count} accepted requests were not called back after the faults were over"
                );
            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }
    }

    /// <summary>Of a target that was killed with its only copy.</summary>
    public void ForgetOwed() => _owed.Clear();

    public async ValueTask DisposeAsync()
    {
        await _receiver.DisposeAsync();
        if (_postgres is not null)
            await _postgres.DisposeAsync();
        Ledger.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task ArriveAsync(List<int> accepted)
    {
        var started = Stopwatch.GetTimestamp();
        var left = accepted.Count;
        while (left > 0 && Stopwatch.GetElapsedTime(started) < DrainBound)
        {
            // From the end: what came last is what is waited for.
            while (left > 0 && Ledger.ArrivedAt(accepted[left - 1]) != 0)
                left--;
            if (left > 0)
                await Task.Delay(TimeSpan.FromMilliseconds(5));
        }
    }

    /// <summary>A run without faults has each callback once, and each decision as the access list has it.</summary>
    private IEnumerable<string> Unfaithful(
        LoadResult load,
        (long Duplicates, long Malformed, long Unknown, long Allowed) before
    )
    {
        if (Ledger.Duplicates != before.Duplicates)
            yield return $"{Ledger.Duplicates - before.Duplicates} callbacks came twice";
        if (Ledger.Malformed != before.Malformed)
            yield return $"{Ledger.Malformed - before.Malformed} callbacks were not as the contract has them";
        if (Ledger.Unknown != before.Unknown)
            yield return $"{Ledger.Unknown - before.Unknown} decisions were unknown";
        var allowed = load.Accepted.Count(Submissions.IsAllowed);
        if (AuthorizesByList && Ledger.Allowed - before.Allowed != allowed)
            yield return $"{Ledger.Allowed - before.Allowed} decisions were allowed where the access list has "
                + $"{allowed}";
    }

    /// <summary>False while a row's decisions come from the receiver, which allows everything.</summary>
    public bool AuthorizesByList { get; set; } = true;

    private IEnumerable<string> Problems(LoadPlan plan, LoadResult load, List<Sample> samples)
    {
        foreach (var (status, count) in load.Errors)
            yield return status < 0 ? $"{count} connections were lost" : $"{count} answers had status {status}";
        if (load.Unanswered > 0)
            yield return $"{load.Unanswered} requests were not answered";
        if (samples.Count != 2)
        {
            yield return "the run ended before it was measured";
            yield break;
        }

        var heldUp = plan.Duration.TotalSeconds - load.Seconds;
        if (
            plan.CountMax == int.MaxValue
            && heldUp > Math.Max(0.1 * plan.Duration.TotalSeconds, Options.LagMillisMax / 1_000)
        )
            yield return $"only {load.Seconds:N1} of {plan.Duration.TotalSeconds:N1} s were measured: the driver was "
                + "held up";
        if (plan.CountsCallbacks && heldUp < load.Seconds && load.JourneysPerSecond == 0)
            yield return "no callback arrived while it was measured";
        var (first, last) = (samples[0], samples[1]);
        var driver = (last.Driver - first.Driver) / load.Seconds;
        var receiver = (last.Receiver - first.Receiver) / load.Seconds;
        if (driver > 0.95)
            yield return $"the driver was saturated: {driver:P0} of its one processor";
        if (receiver > 0.9 * Environment.ProcessorCount)
            yield return $"the receiver was saturated: {receiver:P0} of {Environment.ProcessorCount * 100} %";
        if (LoadResult.Millis(load.DriverLag, 99) is var lag && lag > Options.LagMillisMax)
            yield return $"the driver lagged behind its schedule: p99 {lag:N1} ms, {Options.LagMillisMax:N0} allowed "
                + $"(a busy machine? others used {Foreign(first, last) / load.Seconds:N2} processors)";
    }

    private Sample Take(RunningTarget target) =>
        new(
            At: Stopwatch.GetTimestamp(),
            Service: target.Processes.Sum(process => ProcFs.ProcessorSeconds(process.Id)),
            Compiling: target.Processes.Sum(process => ProcFs.CompilingSeconds(process.Id)),
            Driver: ProcFs.ProcessorSeconds(Environment.ProcessId),
            Receiver: ProcFs.ProcessorSeconds(_receiver.Id),
            Journal: _postgres is null ? 0 : ProcFs.ProcessorSecondsOfChildren("postgres"),
            Sleeps: [.. target.Processes.Select(process => ProcFs.Sleeps(process.Id))],
            Machine: ProcFs.MachineSeconds(),
            Heaps: [.. target.Processes.Select(process => process.Heap())]
        );

    private static double Foreign(Sample first, Sample last) =>
        Math.Max(
            0,
            last.Machine.Busy
                - first.Machine.Busy
                - (last.Service - first.Service)
                - (last.Driver - first.Driver)
                - (last.Receiver - first.Receiver)
                - (last.Journal - first.Journal)
        );

    private static Run Summarize(RunningTarget target, LoadPlan plan, LoadResult load, List<Sample> samples)
    {
        var perSecond = plan.AwaitsCallbacks ? load.JourneysPerSecond : load.AcceptedMeasured / load.Seconds;
        var (first, last) = samples.Count == 2 ? (samples[0], samples[1]) : (default, default);
        // with nothing called back, a request's cost is its answer's
        var journeys = perSecond > 0 ? perSecond * load.Seconds : Math.Max(1, load.Answer.TotalCount);
        return new(
            Target: target.Name,
            Load: load,
            PerSecond: perSecond,
            ServiceMicros: Micros(last.Service - first.Service),
            DriverMicros: Micros(last.Driver - first.Driver),
            ReceiverMicros: Micros(last.Receiver - first.Receiver),
            JournalMicros: Micros(last.Journal - first.Journal),
            AllocatedBytes: Grown(heap => heap.AllocatedBytes) / journeys,
            Sleeps: samples.Count == 2 ? first.Sleeps.Zip(last.Sleeps, ProcFs.SleepsBetween).Sum() / journeys : 0,
            GcPauseShare: Grown(heap => heap.PauseMillis)
                / target.Processes.Count
                / 1_000
                / Math.Max(load.Seconds, 1e-9),
            CompilingShare: Math.Max(0, last.Compiling - first.Compiling)
                / Math.Max(last.Service - first.Service, 1e-9),
            ForeignLoad: Foreign(first, last) / Math.Max(load.Seconds, 1e-9),
            StolenLoad: (last.Machine.Stolen - first.Machine.Stolen) / Math.Max(load.Seconds, 1e-9)
        );

        double Grown(Func<HeapFigures, double> figure) =>
            samples.Count == 2 ? last.Heaps.Sum(figure) - first.Heaps.Sum(figure) : 0;

        double Micros(double seconds) => seconds * 1e6 / journeys;
    }

    private readonly record struct Sample(
        long At,
        double Service,
        double Compiling,
        double Driver,
        double Receiver,
        double Journal,
        IReadOnlyDictionary<int, long>[] Sleeps,
        (double Busy, double Stolen) Machine,
        HeapFigures[] Heaps
    );
}
