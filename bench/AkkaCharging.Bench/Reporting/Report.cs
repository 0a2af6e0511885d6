using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace AkkaCharging.Bench.Reporting;

/// <summary>What the figures were measured on and of.</summary>
internal sealed record Surroundings(
    string Time,
    string Commit,
    bool HasUncommittedChanges,
    int Processors,
    string ProcessorModel,
    double MemoryGigabytes,
    string System,
    string Runtime,
    IReadOnlyDictionary<string, string> Settings
)
{
    public static Surroundings Of(BenchOptions options) =>
        new(
            Time: TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture),
            Commit: Git("rev-parse", "--short", "HEAD"),
            HasUncommittedChanges: Git(
                "status",
                "--porcelain",
                "--untracked-files=no",
                "--",
                "src",
                "bench",
                "hocon",
                ":!bench/results"
            ).Length > 0,
            Processors: Environment.ProcessorCount,
            ProcessorModel: File.ReadLines("/proc/cpuinfo")
                .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
                ?.Split(": ")[^1]
                ?? RuntimeInformation.ProcessArchitecture.ToString(),
            MemoryGigabytes: Math.Round(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9, 1),
            System: RuntimeInformation.OSDescription,
            Runtime: RuntimeInformation.FrameworkDescription,
            Settings: new SortedDictionary<string, string>(StringComparer.Ordinal)
            {
                ["profile"] = options.Profile,
                ["rounds"] = $"{options.Rounds}",
                ["warm-up seconds"] = $"{options.WarmUpSeconds}",
                ["measured seconds"] = $"{options.Seconds}",
                ["connections"] = $"{options.Connections}",
                ["service log level"] = options.LogLevel,
                ["service processors"] = options.ServiceProcessors,
                ["driver processors"] = options.DriverProcessors,
                ["environment"] = string.Join(' ', options.Environment.Select(pair => $"{pair.Key}={pair.Value}")),
            }
        );

    private static string Git(params string[] arguments)
    {
        var start = new ProcessStartInfo("git", arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        try
        {
            using var git = Process.Start(start)!;
            return git.StandardOutput.ReadToEnd().Trim();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return ""; // no git here, or no repository
        }
    }
}

/// <summary>Writes what was measured, for people and for programs.</summary>
internal static class Report
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <returns>The path of the Markdown file.</returns>
    /// <param name="plots">Names of SVG files beside the report.</param>
    /// <param name="failure">Why the report is not complete, and its figures not to be used; null when all runs were
    /// valid.</param>
    public static string Write(
        BenchOptions options,
        IReadOnlyList<Figure> figures,
        IReadOnlyList<string> plots,
        IReadOnlyList<Run> runs,
        string? failure
    )
    {
        Directory.CreateDirectory(options.ResultsFolder);
        var surroundings = Surroundings.Of(options);
        var path = Path.Combine(options.ResultsFolder, $"{options.Profile}.md");
        File.WriteAllText(path, Markdown(surroundings, figures, plots, runs, failure));
        File.WriteAllText(
            Path.ChangeExtension(path, ".json"),
            JsonSerializer.Serialize(
                new
                {
                    surroundings,
                    failure,
                    figures = figures.Select(figure => new
                    {
                        figure.Key,
                        figure.Title,
                        figure.Goal,
                        figure.IsMet,
                        judged = Plain(figure.Judged),
                        others = figure.Others.Select(Plain),
                        figure.How,
                    }),
                    runs = runs.Select(run => new
                    {
                        run.Target,
                        perSecond = Math.Round(run.PerSecond, 1),
                        serviceMicros = Math.Round(run.ServiceMicros, 2),
                        driverMicros = Math.Round(run.DriverMicros, 2),
                        receiverMicros = Math.Round(run.ReceiverMicros, 2),
                        journalMicros = Math.Round(run.JournalMicros, 2),
                        allocatedBytes = Math.Round(run.AllocatedBytes),
                        gcPauseShare = Math.Round(run.GcPauseShare, 4),
                        compilingShare = Math.Round(run.CompilingShare, 4),
                        foreignLoad = Math.Round(run.ForeignLoad, 2),
                        stolenLoad = Math.Round(run.StolenLoad, 2),
                        sent = run.Load.Sent,
                        accepted = run.Load.Accepted.Count,
                        refused = run.Load.Refused,
                        acceptMillis = Percentiles(run.Load.Accept),
                        refuseMillis = Percentiles(run.Load.Refuse),
                        endToEndMillis = Percentiles(run.Load.EndToEnd),
                        driverLagMillis = Percentiles(run.Load.DriverLag),
                    }),
                },
                Json
            )
        );
        return path;
    }

    private static string Markdown(
        Surroundings on,
        IReadOnlyList<Figure> figures,
        IReadOnlyList<string> plots,
        IReadOnlyList<Run> runs,
        string? failure
    )
    {
        var text = new StringBuilder();
        text.AppendLine($"# Measured: {on.Settings["profile"]}").AppendLine();
        if (failure is not null)
            text.AppendLine($"**INVALID, do not use these figures:** {failure}").AppendLine();
        var (foreign, stolen) =
            runs.Count > 0 ? (runs.Max(run => run.ForeignLoad), runs.Max(run => run.StolenLoad)) : (0, 0);
        if (foreign > 0.1)
            text.AppendLine(
                    $"**The machine was not quiet:** other programs kept up to {foreign:N2} of its "
                        + $"{on.Processors} processors busy. Ratios of processor time hold, others hardly."
                )
                .AppendLine();
        if (stolen > 0.1)
            text.AppendLine(
                    $"**The machine is a virtual one, and its host gave up to {stolen:N2} of its {on.Processors} "
                        + "processors to others:** latencies beyond the median hold such stalls."
                )
                .AppendLine();
        text.AppendLine(
                $"{on.Time}, commit `{on.Commit}`{(on.HasUncommittedChanges ? " with uncommitted changes" : "")}; "
                    + $"{on.Processors} processors ({on.ProcessorModel}), "
                    + $"{on.MemoryGigabytes} GB, {on.System}, {on.Runtime}."
            )
            .AppendLine();
        text.AppendLine(
                string.Join(
                    "; ",
                    on.Settings.Where(pair => pair.Value.Length > 0).Select(pair => $"{pair.Key} {pair.Value}")
                ) + "."
            )
            .AppendLine();
        text.AppendLine("Medians, with the smallest and largest of the rounds in brackets.").AppendLine();
        text.AppendLine("| figure | measured | goal | |").AppendLine("|---|---|---|---|");
        foreach (var figure in figures)
            text.AppendLine(
                $"| {figure.Title} | {figure.Judged} {figure.Judged.Unit} "
                    + $"| {figure.Goal ?? "none"} | {Verdict(figure.IsMet)} |"
            );
        foreach (var figure in figures)
        {
            text.AppendLine().AppendLine($"## {figure.Title}").AppendLine().AppendLine(figure.How).AppendLine();
            text.AppendLine("| | value | unit |").AppendLine("|---|---|---|");
            foreach (var series in (IEnumerable<Series>)[figure.Judged, .. figure.Others])
                text.AppendLine($"| {series.Name} | {series} | {series.Unit} |");
        }

        foreach (var plot in plots)
            text.AppendLine().AppendLine($"![{Path.GetFileNameWithoutExtension(plot)}]({plot})");
        return text.ToString();
    }

    private static string Verdict(bool? isMet) =>
        isMet switch
        {
            true => "met",
            false => "**missed**",
            null => "",
        };

    private static object Plain(Series series) =>
        new
        {
            series.Name,
            series.Unit,
            median = Math.Round(series.Median, 4),
            values = series.Values.Select(value => Math.Round(value, 4)),
        };

    private static object Percentiles(HdrHistogram.LongHistogram histogram) =>
        new
        {
            p50 = Driving.LoadResult.Millis(histogram, 50),
            p90 = Driving.LoadResult.Millis(histogram, 90),
            p99 = Driving.LoadResult.Millis(histogram, 99),
            p999 = Driving.LoadResult.Millis(histogram, 99.9),
            max = Driving.LoadResult.Millis(histogram, 100),
        };
}
