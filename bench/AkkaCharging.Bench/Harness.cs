using System.Diagnostics;
using System.Runtime.InteropServices;
using AkkaCharging.Bench.Processes;
using AkkaCharging.Bench.Reporting;
using AkkaCharging.Bench.Rows;

namespace AkkaCharging.Bench;

/// <summary>Runs a profile and writes its report.</summary>
/// <remarks>
/// Exit codes: 0 when every run was valid, whether or not a goal was met; 1 when one was not; 2 for a wrong command
/// line.
/// </remarks>
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

        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => MeasuredProcess.KillAll());
        using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => MeasuredProcess.KillAll());
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
        var options = session.Options;
        switch (options.Profile)
        {
            case "scaling":
                await ScalingProfile.RunAsync(session, figures, plots);
                return;
            case "soak":
                await SoakProfile.RunAsync(session, figures, plots);
                return;
        }

        var isLong = options.Profile == "long";
        IReadOnlyDictionary<string, double>? saturation = null;
        if (options.Wants("journeys"))
        {
            (var journeys, saturation) = await JourneyRows.RunAsync(session);
            figures.AddRange(journeys);
        }

        if (options.Wants("ceiling"))
            figures.Add(await JourneyRows.CeilingAsync(session));
        var isRateNeeded = options.Wants("accept") || options.Wants("faults") || options.Wants("isolation");
        if (isRateNeeded && saturation?.ContainsKey(JourneyRows.Sqlite) != true)
            saturation = await JourneyRows.QuickAsync(session);
        if (options.Wants("accept"))
            figures.AddRange(await AcceptRows.HalfLoadAsync(session, saturation!));
        if (options.Wants("faults"))
            figures.AddRange(await AcceptRows.UnderFaultsAsync(session, saturation![JourneyRows.Sqlite]));
        if (options.Only.Contains("durable") || (isLong && options.Wants("durable"))) // too long for the short profile
            figures.AddRange(await DurableRows.RunAsync(session));
        if (options.Profile == "smoke")
            return;
        if (options.Only.Contains("idle") || (isLong && options.Wants("idle"))) // too long for the short profile
            figures.Add(await IdleRow.RunAsync(session));
        if (options.Wants("isolation"))
            figures.AddRange(await IsolationRows.RunAsync(session, saturation![JourneyRows.Sqlite]));
        if (options.Wants("memory"))
            figures.Add(await PendingRows.MemoryAsync(session, isLong ? 1_000_000 : 50_000));
        if (options.Wants("recovery"))
            figures.AddRange(await PendingRows.RecoveryAsync(session, isLong ? 1_000_000 : 50_000));
        if (options.Wants("settled"))
            figures.Add(await SettledRow.RunAsync(session));
        if (options.Only.Contains("nodes") || (isLong && options.Wants("nodes"))) // too long for the short profile
            figures.Add(await NodesRow.RunAsync(session));
        if (options.Only.Contains("ocpi") || (isLong && options.Wants("ocpi"))) // too long for the short profile
            figures.AddRange(await OcpiRows.RunAsync(session));
        if (options.Wants("acl"))
            figures.Add(await AclRow.RunAsync(session));
    }
}
