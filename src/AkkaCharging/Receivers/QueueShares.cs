using AkkaCharging.Settings;

namespace AkkaCharging.Receivers;

/// <summary>Limits the number of pending requests by receiver and standing.</summary>
/// <remarks>
/// A dynamic threshold (Choudhury and Hahne 1998): a receiver may hold <c>queue.destinationShare</c> times the free
/// space. Half of the queue is reserved for proven receivers, because the free space shrinks with the number of other
/// receivers. Of the other half, silent receivers may hold three quarters, and all new ones together seven times its
/// free space, so that there is always a place left for the next receiver. Not thread-safe: used under the register's
/// lock.
/// </remarks>
internal sealed class QueueShares(QueueSettings settings)
{
    private const double ShareOfSilent = 0.75;
    private const int ShareOfNew = 7;
    private readonly int[] _pending = new int[Enum.GetValues<Standing>().Length];

    /// <summary>Number of admitted requests of receivers that are not proven.</summary>
    public int Unproven => _pending[(int)Standing.New] + _pending[(int)Standing.Silent];

    /// <summary>Maximum number of admitted requests of receivers that are not proven.</summary>
    public double UnprovenMax => settings.MaxSize / 2.0;

    /// <summary>Judges a request to a receiver that has <paramref name="held"/> admitted requests pending.</summary>
    /// <param name="free">Number of free places of the queue.</param>
    public AdmissionVerdict Judge(Standing standing, int held, int free)
    {
        var left = UnprovenMax - Unproven;
        var room = Math.Min(
            free,
            standing switch
            {
                Standing.New => left,
                Standing.Silent => Math.Min(left, (UnprovenMax * ShareOfSilent) - _pending[(int)Standing.Silent]),
                _ => free,
            }
        );
        if (room <= 0 || (standing == Standing.New && _pending[(int)Standing.New] >= ShareOfNew * left))
            return AdmissionVerdict.QueueFull; // this receiver is not the backlogged one
        return held < settings.DestinationShare * room
            ? AdmissionVerdict.Entered
            : AdmissionVerdict.DestinationBacklogged;
    }

    /// <summary>Adds <paramref name="requests"/>, which may be negative, to the number of pending requests.</summary>
    public void Count(Standing standing, int requests) => _pending[(int)standing] += requests;
}
