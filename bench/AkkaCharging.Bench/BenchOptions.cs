using System.Globalization;

namespace AkkaCharging.Bench;

/// <summary>What to run, how long, and where.</summary>
/// <param name="Profile"><c>smoke</c>, <c>short</c>, <c>long</c>, <c>scaling</c> or <c>soak</c>.</param>
/// <param name="Rounds">Of each comparison; the sides alternate.</param>
/// <param name="Seconds">Measured in each run, after the warm-up.</param>
/// <param name="LogLevel">The service's.</param>
/// <param name="LagMillisMax">A driver that is later than this (p99) was not open-loop. The smoke run looks at no
/// latency, and shares its machine.</param>
/// <param name="LargestSize">Of queues, access lists and destinations in the scaling profile.</param>
/// <param name="Environment">Runtime settings for service and peers alike.</param>
/// <param name="Only">Rows to run, by their keys; empty for all.</param>
/// <param name="Journals">Kinds that the journeys are measured with.</param>
/// <param name="Rival">The folder of another build of the service, to compare journeys with; empty for none.</param>
internal sealed record BenchOptions(
    string Profile,
    int Rounds,
    double WarmUpSeconds,
    double Seconds,
    int Connections,
    string LogLevel,
    string ServiceProcessors,
    string DriverProcessors,
    string ResultsFolder,
    double SoakMinutes,
    double LagMillisMax,
    int LargestSize,
    IReadOnlyDictionary<string, string> Environment,
    IReadOnlySet<string> Only,
    IReadOnlySet<string> Journals,
    string Rival = ""
)
{
    public const string Usage = """
        ./bench/run.sh [short|long|scaling|soak|smoke] [option=value ...]
          rounds=5 seconds=8 warmup=4      of each comparison and run
          connections=64                   of the driver
          only=journeys,recovery           rows to run
          journals=memory,sqlite,postgres  kinds that the journeys are measured with
          log=info                         the service's log level
          service-cpus=0 driver-cpus=1     affinity, as taskset has it; all by default
          env=NAME=VALUE                   for service and peers alike; can be given again
          lag=5                            milliseconds (p99) that the driver may be late; more makes the run invalid
          largest=1000000                  size of queues, access lists and destinations in the scaling profile
          minutes=15                       of the soak
          rival=FOLDER                     another build of the service, to compare journeys with
          results=FOLDER                   bench/results by default
        """;

    /// <summary>Whether a row is to run.</summary>
    public bool Wants(string row) => Only.Count == 0 || Only.Contains(row);

    public bool IsShort => Profile is "short" or "smoke";

    /// <exception cref="FormatException">An option is not known.</exception>
    public static BenchOptions Read(IReadOnlyList<string> arguments)
    {
        var profile =
            arguments.Count > 0 && !arguments[0].Contains('=', StringComparison.Ordinal) ? arguments[0] : "short";
        var defaults = profile switch
        {
            "smoke" => (Rounds: 1, WarmUp: 0.5, Seconds: 1.0),
            "short" => (3, 2, 2.5),
            "long" => (5, 10, 8),
            "scaling" => (1, 15, 6),
            "soak" => (1, 3, 6),
            _ => throw new FormatException($"There is no profile {profile}.\n{Usage}"),
        };
        var options = new BenchOptions(
            profile,
            Rounds: defaults.Rounds,
            WarmUpSeconds: defaults.WarmUp,
            Seconds: defaults.Seconds,
            Connections: 64,
            LogLevel: "info",
            ServiceProcessors: "",
            DriverProcessors: "",
            ResultsFolder: "bench/results",
            SoakMinutes: 15,
            LagMillisMax: profile == "smoke" ? 1_000 : 5,
            LargestSize: 1_000_000,
            Environment: new Dictionary<string, string>(StringComparer.Ordinal),
            Only: new HashSet<string>(StringComparer.Ordinal),
            Journals: profile == "smoke"
                ? new HashSet<string>(StringComparer.Ordinal) { "memory", "sqlite" }
                : new HashSet<string>(StringComparer.Ordinal) { "memory", "sqlite", "postgres" }
        );
        foreach (var argument in arguments.Skip(arguments.Count > 0 && arguments[0] == profile ? 1 : 0))
        {
            var split = argument.IndexOf('=', StringComparison.Ordinal);
            var (name, value) = split > 0 ? (argument[..split], argument[(split + 1)..]) : (argument, "");
            options = name switch
            {
                "rounds" => options with { Rounds = int.Parse(value, CultureInfo.InvariantCulture) },
                "seconds" => options with { Seconds = Number(value) },
                "warmup" => options with { WarmUpSeconds = Number(value) },
                "connections" => options with { Connections = int.Parse(value, CultureInfo.InvariantCulture) },
                "only" => options with { Only = value.Split(',').ToHashSet(StringComparer.Ordinal) },
                "journals" => options with { Journals = value.Split(',').ToHashSet(StringComparer.Ordinal) },
                "log" => options with { LogLevel = value },
                "service-cpus" => options with { ServiceProcessors = value },
                "driver-cpus" => options with { DriverProcessors = value },
                "rival" => options with { Rival = Path.GetFullPath(value) },
                "results" => options with { ResultsFolder = value },
                "minutes" => options with { SoakMinutes = Number(value) },
                "lag" => options with { LagMillisMax = Number(value) },
                "largest" => options with { LargestSize = int.Parse(value, CultureInfo.InvariantCulture) },
                "env" when value.Split('=', 2) is [var key, var text] => options with
                {
                    Environment = new Dictionary<string, string>(options.Environment, StringComparer.Ordinal)
                    {
                        [key] = text,
                    },
                },
                _ => throw new FormatException($"There is no option {argument}.\n{Usage}"),
            };
        }

        return options;
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
