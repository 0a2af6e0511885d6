using System.Diagnostics;
using AkkaCharging.Bench.Reporting;
using AkkaCharging.Bench.Rows;

namespace AkkaCharging.Bench;

/// <summary>Runs a profile and writes its report.</summary>
/// <remarks>Exit codes: 0 when every run was valid, whether or not a goal was met; 1 when one was not; 2 for a wrong command line.</remarks>
internal static class Harness
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        BenchOptions options;
        try
        {
            options = BenchOptions.Read(arguments);
        }
        catch (FormatException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 2;
        }

        var figures = new List<Figure>();
        var plots = new List<string>();
        await using var session = await Session.StartAsync(options);
        string? failure = null;
        var started = Stopwatch.GetTimestamp();
        try
        {
            await ProfileAsync(session, figures, plots);
        }
        catch (Exception e) when (e is InvalidRunException or TimeoutException)
        {
            failure = e.Message;
        }

        var report = Report.Write(options, figures, plots, session.Runs, failure);
        Console.WriteLine($"{report}, after {Stopwatch.GetElapsedTime(started).TotalSeconds:N0} s");
        if (failure is null)
            return 0;
        await Console.Error.WriteLineAsync($"INVALID: {failure}");
        return 1;
    }

    private static async Task ProfileAsync(Session session, List<Figure> figures, List<string> plots)
    {
        var (journeys, perSecond) = await JourneyRows.RunAsync(session);
        figures.AddRange(journeys);
    }
}
