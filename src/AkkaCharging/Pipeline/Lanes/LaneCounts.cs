namespace AkkaCharging.Pipeline.Lanes;

/// <summary>What happened to the lanes of this node since it started.</summary>
internal sealed class LaneCounts
{
    private long _taken;
    private long _lost;

    /// <summary>Lanes that came here.</summary>
    public long Taken => Interlocked.Read(ref _taken);

    /// <summary>Lanes that another node took without being handed them.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    public void CountTaken() => Interlocked.Increment(ref _taken);

    public void CountLost() => Interlocked.Increment(ref _lost);
}
