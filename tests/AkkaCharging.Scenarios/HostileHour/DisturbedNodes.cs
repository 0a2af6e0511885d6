using AkkaCharging.Scenarios.Clustering;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>Three nodes of which one at a time is killed, stopped, held up or cut off from the others.</summary>
internal sealed class DisturbedNodes(ThreeNodes nodes, NodeNetwork network)
{
    /// <summary>Number of SIGKILLs.</summary>
    public int Kills { get; private set; }

    public FaultSource Source =>
        new(
            "nodes",
            PauseMillisMax: 2_000,
            [
                new("SIGKILL", random => OnOneAsync(random, KillAsync), Weight: 6),
                new("SIGTERM", random => OnOneAsync(random, (number, _) => nodes.EndAsync(number)), Weight: 2),
                new("rolling restart", _ => RestartAllAsync()),
                new(
                    "SIGSTOP",
                    random => OnOneAsync(random, (number, random) => SuspendAsync(number, random, 500, 2_500)),
                    Weight: 2
                ),
                // Longer than the others wait for it.
                new(
                    "SIGSTOP until removed",
                    random => OnOneAsync(random, (number, random) => SuspendAsync(number, random, 10_000, 15_000))
                ),
                new(
                    "partition",
                    random => OnOneAsync(random, (number, random) => CutAsync(number, random, 500, 2_500)),
                    Weight: 2
                ),
                new(
                    "partition until removed",
                    random => OnOneAsync(random, (number, random) => CutAsync(number, random, 10_000, 15_000))
                ),
            ]
        );

    /// <summary>Waits until all nodes are ready; starts those that do not run.</summary>
    public Task KeepRunningAsync() => nodes.KeepRunningAsync();

    private async Task OnOneAsync(Random random, Func<int, Random, Task> disturbAsync)
    {
        await disturbAsync(random.Next(ThreeNodes.Count), random);
        await KeepRunningAsync();
    }

    private async Task KillAsync(int number, Random random)
    {
        await nodes.KillAsync(number);
        Kills++;
        await random.WaitAsync(0, 2_000);
    }

    private async Task RestartAllAsync()
    {
        for (var number = 0; number < ThreeNodes.Count; number++)
        {
            await nodes.EndAsync(number);
            await KeepRunningAsync();
        }
    }

    private async Task SuspendAsync(int number, Random random, int millisMin, int millisMax)
    {
        nodes[number].Process.Suspend();
        try
        {
            await random.WaitAsync(millisMin, millisMax);
        }
        finally
        {
            nodes[number].Process.Resume();
        }
    }

    private async Task CutAsync(int number, Random random, int millisMin, int millisMax)
    {
        network.Cut(number);
        try
        {
            await random.WaitAsync(millisMin, millisMax);
        }
        finally
        {
            network.Heal(number);
        }
    }
}
