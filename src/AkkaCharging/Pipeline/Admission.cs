using AkkaCharging.Receivers;
using AkkaCharging.Requests;

namespace AkkaCharging.Pipeline;

/// <summary>
/// Counts pending requests, so that a full service says so at once and nothing is dropped after it was accepted.
/// </summary>
/// <param name="maxSize">Places for admitted requests, and as many again for recovered ones.</param>
internal sealed class Admission(int maxSize, ReceiverRegister receivers, TimeProvider time)
{
    private readonly SemaphoreSlim _recoveredPlaces = new(maxSize, maxSize);
    private readonly DrainRate _drainRate = new(time);
    private readonly Random _random = new();
    private int _pending;

    public TimeProvider Time => time;

    /// <summary>Requests in the lanes: admitted or recovered, and not settled.</summary>
    public int Pending => Volatile.Read(ref _pending) + maxSize - _recoveredPlaces.CurrentCount;

    /// <summary>Takes one place, for a request to <paramref name="key"/>.</summary>
    /// <param name="receiver">Not null when it was admitted.</param>
    /// <param name="retryAfter">When a caller that was refused should come back: 1 to 60 s.</param>
    public AdmissionVerdict TryEnter(DestinationKey key, out Receiver? receiver, out TimeSpan retryAfter)
    {
        (receiver, retryAfter) = (null, TimeSpan.Zero);
        var pending = Interlocked.Increment(ref _pending);
        var verdict =
            pending > maxSize
                ? AdmissionVerdict.QueueFull
                : receivers.TryAdmit(key, free: maxSize - pending + 1, out receiver, out retryAfter);
        if (verdict == AdmissionVerdict.Entered)
            return verdict;
        pending = Interlocked.Decrement(ref _pending);
        if (verdict == AdmissionVerdict.QueueFull)
            retryAfter = _drainRate.RetryAfter(pending);
        return verdict;
    }

    /// <summary>Gives a place back.</summary>
    public void Leave(Receiver receiver)
    {
        Interlocked.Decrement(ref _pending);
        _drainRate.CountOne();
        receivers.LeaveAdmitted(receiver);
    }

    /// <summary>
    /// Gives the place of a request back that the address policy refused, when the place of one would be free whose
    /// name does not exist.
    /// </summary>
    /// <remarks>Else a caller would learn by <c>destination_backlogged</c> which of the two it is.</remarks>
    public void LeaveAfterRetries(PendingRequest refused)
    {
        TimeSpan wait;
        lock (_random)
            wait = RetrySchedule.Remaining(
                receivers.Settings,
                refused.AttemptsMade,
                time.GetElapsedTime(time.GetTimestamp(), refused.Deadline),
                _random
            );
        _ = Task.Delay(wait, time).ContinueWith(_ => Leave(refused.Receiver), TaskScheduler.Default);
    }

    /// <summary>
    /// Takes one of as many places again, for requests from the journal: they do not count against new ones.
    /// </summary>
    public Task EnterRecoveredAsync(CancellationToken cancellationToken) =>
        _recoveredPlaces.WaitAsync(cancellationToken);

    /// <summary>Counts a recovered request at its receiver, whatever that one holds.</summary>
    public Receiver JoinRecovered(DestinationKey key) => receivers.Join(key);

    /// <summary>Gives a recovered request's place back.</summary>
    /// <param name="joined">Null when it had not joined its receiver.</param>
    public void LeaveRecovered(Receiver? joined)
    {
        if (joined is not null)
            receivers.Leave(joined);
        _recoveredPlaces.Release();
    }
}
