using System.Diagnostics;
using System.Globalization;
using AkkaCharging.Scenarios.PowerCuts;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios.DiskFaults;

/// <summary>
/// Runs each fault once, or for its share of <c>tests/campaign.sh disk minutes=60</c>: AKKACHARGING_DISK_MINUTES is how
/// long all of them take, AKKACHARGING_RESULTS a file to which each fault appends its figures.
/// </summary>
internal static class Campaign
{
    /// <summary>The faults of this folder.</summary>
    private const int Faults = 17;

    private static readonly double Minutes = double.Parse(
        Environment.GetEnvironmentVariable("AKKACHARGING_DISK_MINUTES") ?? "0",
        CultureInfo.InvariantCulture
    );

    /// <summary>Whether it is more than one round.</summary>
    public static bool IsLong => Minutes > 0;

    /// <param name="round">Returns what became of submissions, and what power cuts left of them.</param>
    public static async Task RunAsync(
        ITestOutputHelper output,
        string fault,
        Func<Task<(int Accepted, int Refused, Findings? Cuts)>> round
    )
    {
        var (rounds, accepted, refused) = (0, 0, 0);
        var (cuts, lost) = (0, 0);
        var clock = Stopwatch.StartNew();
        do
        {
            var result = await round();
            rounds++;
            accepted += result.Accepted;
            refused += result.Refused;
            cuts += result.Cuts?.Images ?? 0;
            lost += result.Cuts is { } found ? found.LostRequests + found.LostDecisions : 0;
        } while (clock.Elapsed < TimeSpan.FromMinutes(Minutes / Faults));

        var figures = $"| {fault} | {rounds} | {accepted} | {refused} | {cuts} | {lost} |";
        output.WriteLine(figures);
        if (Environment.GetEnvironmentVariable("AKKACHARGING_RESULTS") is { } results)
            await File.AppendAllTextAsync(results, figures + "\n");
        Assert.Equal(0, lost);
    }
}
