using AkkaCharging.Settings;

namespace AkkaCharging.Receivers;

/// <summary>Who may have how many admitted requests pending.</summary>
/// <remarks>
/// A dynamic threshold (Choudhury and Hahne 1998): a receiver may hold <c>queue.destinationShare</c> times what is
/// free. Half of the queue is kept for proven receivers, because the free space that n others leave shrinks with n. Of
/// the other half silent receivers may hold three quarters, and new ones together seven times what is free of it: so
/// there is always a place left for the receiver that comes next. Not thread-safe: used under the register's lock.
/// </remarks>
internal sealed class QueueShares(QueueSettings settings)
{
    private const double ShareOfSilent = 0.75;
    private const int ShareOfNew = 7;
    private readonly int[] _pending = new int[Enum.GetValues<Standing>().Length];

    /// <summary>Admitted requests of receivers that are not proven.</summary>
    public int Unproven => _pending[(int)Standing.New] + _pending[(int)Standing.Silent];

    /// <summary>How many these may be.</summary>
    public double UnprovenMax => settings.MaxSize / 2.0;

    /// <summary>Judges a request to a receiver that has <paramref name="held"/> admitted ones pending.</summary>
    /// <param name="free">Places of the queue that nobody holds.</param>
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
            return AdmissionVerdict.QueueFull; // it is not this receiver that is backlogged
        return held < settings.DestinationShare * room
            ? AdmissionVerdict.Entered
            : AdmissionVerdict.DestinationBacklogged;
    }

    /// <summary>Counts <paramref name="requests"/> more or fewer pending ones.</summary>
    public void Count(Standing standing, int requests) => _pending[(int)standing] += requests;
}
