using System.Globalization;

namespace AkkaCharging.Bench.Processes;

/// <summary>What Linux tells about processes and the machine.</summary>
internal static class ProcFs
{
    private const double TicksPerSecond = 100; // USER_HZ, the same on every Linux that .NET runs on

    /// <summary>Processor seconds that process <paramref name="id"/> has used, user and system.</summary>
    public static double ProcessorSeconds(int id) =>
        Stat($"/proc/{id}") is { } stat ? (stat.User + stat.System) / TicksPerSecond : 0;

    /// <summary>
    /// Processor seconds of all processes named <paramref name="name"/> below this one: a PostgreSQL server and its
    /// children.
    /// </summary>
    public static double ProcessorSecondsOfChildren(string name)
    {
        var processes = Directory
            .GetDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), out _) ? Stat(folder) : null)
            .OfType<ProcessStat>()
            .ToDictionary(stat => stat.Id);
        return processes.Values.Where(stat => stat.Name == name && IsBelowUs(stat)).Sum(stat => stat.User + stat.System)
            / TicksPerSecond;

        bool IsBelowUs(ProcessStat? stat)
        {
            while (stat is not null && stat.Id != Environment.ProcessId)
                stat = processes.GetValueOrDefault(stat.Parent);
            return stat is not null;
        }
    }

    /// <summary>
    /// Processor seconds of the threads that recompile hot code in process <paramref name="id"/>; 0 when they have
    /// nothing to do and are gone.
    /// </summary>
    public static double CompilingSeconds(int id) =>
        Directory
            .GetDirectories($"/proc/{id}/task")
            .Select(Stat)
            .OfType<ProcessStat>()
            .Where(stat => stat.Name.StartsWith(".NET Tiered", StringComparison.Ordinal))
            .Sum(stat => stat.User + stat.System) / TicksPerSecond;

    /// <summary>
    /// Processor seconds since the machine's start: those that it was busy, and those that it wanted and its host gave
    /// to others.
    /// </summary>
    public static (double Busy, double Stolen) MachineSeconds()
    {
        var fields = File.ReadLines("/proc/stat")
            .First()
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..]
            .Select(field => long.Parse(field, CultureInfo.InvariantCulture))
            .ToArray();
        return (
            (fields[0] + fields[1] + fields[2] + fields[5] + fields[6]) / TicksPerSecond,
            fields[7] / TicksPerSecond
        ); // user, nice, system, irq, softirq; steal
    }

    /// <summary>
    /// How often threads of process <paramref name="id"/> went to sleep, to be woken again: by thread, because those
    /// that end take their count with them.
    /// </summary>
    public static IReadOnlyDictionary<int, long> Sleeps(int id)
    {
        var sleeps = new Dictionary<int, long>();
        foreach (var folder in Directory.GetDirectories($"/proc/{id}/task"))
        {
            try
            {
                sleeps[int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture)] = StatusField(
                    folder,
                    "voluntary_ctxt_switches:"
                );
            }
            catch (IOException)
            {
                // The thread has ended.
            }
        }

        return sleeps;
    }

    /// <summary>How often threads went to sleep between two counts.</summary>
    public static long SleepsBetween(IReadOnlyDictionary<int, long> first, IReadOnlyDictionary<int, long> last) =>
        last.Sum(thread => thread.Value - first.GetValueOrDefault(thread.Key));

    /// <summary>Resident megabytes.</summary>
    public static double ResidentMegabytes(int id) => StatusField($"/proc/{id}", "VmRSS:") / 1024.0;

    public static long Threads(int id) => StatusField($"/proc/{id}", "Threads:");

    /// <summary>Open files, sockets among them.</summary>
    public static int Handles(int id) => Directory.GetFileSystemEntries($"/proc/{id}/fd").Length;

    private static long StatusField(string folder, string name) =>
        long.Parse(
            File.ReadLines($"{folder}/status")
                .First(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..]
                .Replace("kB", "", StringComparison.Ordinal),
            CultureInfo.InvariantCulture
        );

    private static ProcessStat? Stat(string folder)
    {
        try
        {
            var line = File.ReadAllText(Path.Combine(folder, "stat"));
            var end = line.LastIndexOf(')');
            var fields = line[(end + 2)..].Split(' ');
            return new(
                int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture),
                line[(line.IndexOf('(', StringComparison.Ordinal) + 1)..end],
                int.Parse(fields[1], CultureInfo.InvariantCulture),
                long.Parse(fields[11], CultureInfo.InvariantCulture),
                long.Parse(fields[12], CultureInfo.InvariantCulture)
            );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // it has ended
        }
    }

    private sealed record ProcessStat(int Id, string Name, int Parent, long User, long System);
}
