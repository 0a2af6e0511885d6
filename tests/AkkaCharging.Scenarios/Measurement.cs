using System.Diagnostics;
using System.Globalization;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>
/// Whether scenarios assert the time limits of a quiet machine. <c>bench/failover.sh</c> sets it; on a busy machine a
/// scenario asserts only what must hold on any machine.
/// </summary>
internal static class Measurement
{
    /// <summary>Whether this run measures.</summary>
    public static bool IsOn { get; } = Environment.GetEnvironmentVariable("AKKACHARGING_MEASURE") == "true";

    /// <summary>The bound of a run that measures; <see cref="Eventually.Patience"/> for any other.</summary>
    public static TimeSpan Within(TimeSpan bound) => IsOn ? bound : Eventually.Patience;
}

/// <summary>Collection of tests that measure times: each runs while no other test runs.</summary>
[CollectionDefinition(nameof(RunsAlone), DisableParallelization = true)]
public sealed class RunsAlone : ICollectionFixture<EndOfOthers>;

/// <summary>
/// Waits for the tests of other projects, which <c>test.sh</c> runs beside scenarios that do not measure.
/// </summary>
public sealed class EndOfOthers : IAsyncLifetime
{
    public async Task InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("AKKACHARGING_RUNS_BESIDE") is not { Length: > 0 } id)
            return;
        try
        {
            using var others = Process.GetProcessById(int.Parse(id, CultureInfo.InvariantCulture));
            await others.WaitForExitAsync();
        }
        catch (ArgumentException)
        {
            // They have ended.
        }
    }

    public Task DisposeAsync() => Task.CompletedTask;
}
