using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Timing;

namespace AkkaCharging.Pipeline;

/// <summary>
/// Limits the number of pending requests, so that a full service rejects a submission at once and never drops an
/// accepted request.
/// </summary>
/// <param name="maxSize">Number of places for admitted requests, and again for recovered ones.</param>
internal sealed class Admission(int maxSize, ReceiverRegister receivers, TimeProvider time)
{
    private readonly SemaphoreSlim _recoveredPlaces = new(maxSize, maxSize);
    private readonly SemaphoreSlim _redrivenPlaces = new(Math.Max(1, maxSize / 2));
    private readonly DrainRate _drainRate = new(time);
    private readonly Random _random = new();
    private int _pending;
    private int _redrivenBeyond;

    public TimeProvider Time => time;

    /// <summary>The number of unsettled requests in the lanes, admitted or recovered.</summary>
    public int Pending => Volatile.Read(ref _pending) + maxSize - _recoveredPlaces.CurrentCount;

    /// <summary>Takes a place for a request to <paramref name="key"/>.</summary>
    /// <param name="receiver">The receiver; null when the request was not admitted.</param>
    /// <param name="retryAfter">When a rejected caller should retry: after 1 to 60 s.</param>
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

    /// <summary>Releases a request's place.</summary>
    public void Leave(Receiver receiver)
    {
        Interlocked.Decrement(ref _pending);
        _drainRate.CountOne();
        receivers.LeaveAdmitted(receiver);
    }

    /// <summary>
    /// Releases the place of a request that the address policy rejected, but only at the time at which the place of a
    /// request to a non-existent name would be released.
    /// </summary>
    /// <remarks>Otherwise a caller could tell the two cases apart by <c>destination_backlogged</c>.</remarks>
    public void LeaveAfterRetries(PendingRequest refused)
    {
        TimeSpan wait;
        lock (_random)
            wait = RetrySchedule.Remaining(
                receivers.Settings,
                refused.AttemptsMade,
                time.Until(refused.Deadline),
                _random
            );
        _ = Task.Delay(wait, time).ContinueWith(_ => Leave(refused.Receiver), TaskScheduler.Default);
    }

    /// <summary>
    /// Takes a place for a request from the journal; there are as many of these, in addition to those for new requests.
    /// </summary>
    public Task EnterRecoveredAsync(CancellationToken cancellationToken) =>
        _recoveredPlaces.WaitAsync(cancellationToken);

    /// <summary>
    /// Takes a place for a request that is redriven: one of those for recovered requests, of which redriven ones get
    /// half at most. So those redriven to a receiver that is away leave room for what another process has accepted.
    /// </summary>
    public async Task EnterRedrivenAsync(CancellationToken cancellationToken)
    {
        await _redrivenPlaces.WaitAsync(cancellationToken);
        try
        {
            await EnterRecoveredAsync(cancellationToken);
        }
        catch
        {
            LeaveRedriven();
            throw;
        }
    }

    /// <summary>Counts a recovered request at its receiver, even above the receiver's share.</summary>
    /// <param name="isRedriven">Whether it was redriven before the process that recovers it started.</param>
    public Receiver JoinRecovered(DestinationKey key, bool isRedriven)
    {
        if (isRedriven && !_redrivenPlaces.Wait(TimeSpan.Zero))
            Interlocked.Increment(ref _redrivenBeyond);
        return receivers.Join(key);
    }

    /// <summary>Counts a request that is redriven at its receiver, even above the receiver's share.</summary>
    public Receiver JoinRedriven(DestinationKey key) => receivers.Join(key);

    /// <summary>Releases the place of a recovered or redriven request.</summary>
    /// <param name="joined">The receiver that the request had joined; null for none.</param>
    public void LeaveRecovered(Receiver? joined, bool isRedriven)
    {
        if (joined is not null)
            receivers.Leave(joined);
        if (isRedriven)
            LeaveRedriven();
        _recoveredPlaces.Release();
    }

    private void LeaveRedriven()
    {
        for (var beyond = Volatile.Read(ref _redrivenBeyond); beyond > 0; )
        {
            var seen = Interlocked.CompareExchange(ref _redrivenBeyond, beyond - 1, beyond);
            if (seen == beyond)
                return;
            beyond = seen;
        }

        _redrivenPlaces.Release();
    }
}
