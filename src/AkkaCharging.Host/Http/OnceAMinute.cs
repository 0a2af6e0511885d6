namespace AkkaCharging.Host.Http;

/// <summary>Lets one line a minute into the log and counts the others, so that callers cannot fill it.</summary>
internal sealed class OnceAMinute(TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private long? _takenAt;
    private long _leftOut;

    /// <summary>Returns whether a line is due.</summary>
    /// <param name="leftOut">Number of lines that were left out since the last one.</param>
    public bool TryTake(out long leftOut)
    {
        lock (_gate)
        {
            var now = time.GetTimestamp();
            var isDue = _takenAt is not { } before || time.GetElapsedTime(before, now) >= Interval;
            leftOut = _leftOut;
            (_takenAt, _leftOut) = isDue ? (now, 0) : (_takenAt, _leftOut + 1);
            return isDue;
        }
    }
}
