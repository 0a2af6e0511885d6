using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>
/// Rounds of faults, each with a seed and a journal of its own: one, or as many as fit into a campaign.
/// </summary>
internal static class HostileCampaign
{
    private static readonly double Minutes = double.Parse(
        Environment.GetEnvironmentVariable("AKKACHARGING_HOSTILE_MINUTES") ?? "0",
        CultureInfo.InvariantCulture
    );
    private static readonly int? GivenSeed = Environment.GetEnvironmentVariable("AKKACHARGING_SEED") is { } seed
        ? int.Parse(seed, CultureInfo.InvariantCulture)
        : null;

    /// <summary>How long faults strike in a round.</summary>
    public static TimeSpan RoundTime { get; } = TimeSpan.FromSeconds(Minutes > 0 ? 120 : 15);

    /// <summary>Runs rounds until the time of the campaign is over, and writes its figures.</summary>
    public static async Task<HostileFigures> RunAsync(
        string name,
        Action<string> write,
        Func<int, HostileFigures, Task> roundAsync
    )
    {
        var figures = new HostileFigures();
        var startedAt = Stopwatch.GetTimestamp();
        try
        {
            do
            {
                var seed = GivenSeed ?? RandomNumberGenerator.GetInt32(int.MaxValue);
                write($"{name}: AKKACHARGING_SEED={seed}");
                await roundAsync(seed, figures);
            } while (Stopwatch.GetElapsedTime(startedAt).TotalMinutes < Minutes);
        }
        finally
        {
            // Also of the rounds before one that could not be finished.
            write(figures.Row(name));
            if (Environment.GetEnvironmentVariable("AKKACHARGING_RESULTS") is { } results)
                await File.AppendAllTextAsync(results, figures.Row(name) + "\n");
        }

        return figures;
    }
}
