using Akka.Actor;
using AkkaCharging.Clustering;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Clustering;

/// <summary>Two real nodes in one process, each of which is told whether it reaches the journal.</summary>
[Trait("Category", "Component")]
public sealed class JournalWatchTests : IAsyncLifetime
{
    private const int ManyLooks = 15; // more than twice those after which a node ends
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1.5);

    private readonly Node _first = new();
    private readonly Node _second = new();

    public async Task InitializeAsync()
    {
        foreach (var node in new[] { _first, _second })
        {
            node.System.Join(_first.System);
            await Eventually.HoldsAsync(() => node.System.IsUp(), "the node is up");
        }

        foreach (var node in new[] { _first, _second })
            node.Watch();
    }

    public async Task DisposeAsync()
    {
        foreach (var node in new[] { _first, _second })
            await node.System.Terminate();
    }

    [Fact]
    public async Task NodeThatLostTheJournal_WhichTheOtherReaches_Ends()
    {
        _second.IsReached = _ => false;

        await Eventually.HoldsAsync(() => _second.EndedBy is not null, "it ends");

        Assert.Equal("JournalLostReason", _second.EndedBy);
        Assert.Null(_first.EndedBy);
    }

    [Fact]
    public async Task JournalThatNoNodeReaches_EndsNone()
    {
        _first.IsReached = _ => false;
        _second.IsReached = _ => false;
        await LooksAsync(2); // an answer of before is used up

        await LooksAsync(ManyLooks);

        Assert.Equal((null, null), (_first.EndedBy, _second.EndedBy));
    }

    [Fact]
    public async Task NodeThatLosesTheJournalForAMomentAtATime_GoesOn()
    {
        _second.IsReached = look => look % 5 == 0;

        await LooksAsync(ManyLooks);

        Assert.Null(_second.EndedBy);
    }

    private async Task LooksAsync(int more)
    {
        foreach (var (node, before) in new[] { (_first, _first.Looks), (_second, _second.Looks) })
            await Eventually.HoldsAsync(() => node.Looks >= before + more, "the node looked at its journal");
    }

    private sealed class Node
    {
        private int _looks;

        public ActorSystem System { get; } = Nodes.Start(Nodes.Settings);

        /// <summary>Told the number of the look.</summary>
        public Func<int, bool> IsReached { get; set; } = _ => true;

        public int Looks => Volatile.Read(ref _looks);

        public string? EndedBy => CoordinatedShutdown.Get(System).ShutdownReason?.GetType().Name;

        public void Watch()
        {
            Func<bool> isReached = () => IsReached(Interlocked.Increment(ref _looks));
            System.ActorOf(Props.Create(() => new JournalWatch(isReached, Patience)), JournalWatch.Name);
        }
    }
}
