namespace AkkaCharging.Pipeline.Lanes;

/// <summary>Counts the lanes taken and lost by this node since it started.</summary>
internal sealed class LaneCounts
{
    private long _taken;
    private long _lost;

    /// <summary>Number of lanes that this node took.</summary>
    public long Taken => Interlocked.Read(ref _taken);

    /// <summary>Number of lanes that another node took without a hand-over.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    public void CountTaken() => Interlocked.Increment(ref _taken);

    public void CountLost() => Interlocked.Increment(ref _lost);
}
