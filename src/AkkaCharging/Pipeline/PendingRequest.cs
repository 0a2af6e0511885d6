using AkkaCharging.Journal;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Timing;

namespace AkkaCharging.Pipeline;

/// <summary>
/// An accepted request on its way through a lane: the element of the graph. Only one stage at a time holds it, so its
/// state needs no lock.
/// </summary>
/// <remarks>
/// Its age is measured by the monotonic clock, with timestamps of <see cref="TimeProvider.GetTimestamp"/>, so that
/// setting the wall clock does not change it. The times in its <see cref="Request"/> are for people and for the
/// journal.
/// </remarks>
/// <param name="receiver">The receiver that this request counts against until it is settled.</param>
/// <param name="since">When the request was accepted or redriven.</param>
/// <param name="life">Maximum age of the request.</param>
/// <param name="isRecovered">Whether the request came from the journal, not from admission.</param>
internal sealed class PendingRequest(
    ChargingRequest request,
    Receiver receiver,
    TimeProvider time,
    long since,
    TimeSpan life,
    bool isRecovered = false
)
{
    private int _generation;

    public ChargingRequest Request { get; } = request;

    public Receiver Receiver { get; } = receiver;

    /// <summary>When the request entered the lane.</summary>
    public long EnqueuedAt { get; } = time.GetTimestamp();

    /// <summary>When the request was accepted or redriven.</summary>
    public long Since { get; } = since;

    /// <summary>The time after which no attempt starts.</summary>
    public long Deadline { get; } = time.After(since, life);

    public bool IsRecovered { get; } = isRecovered;

    /// <summary>
    /// Whether the request was a dead letter before: its attempts do not show the present state of receivers.
    /// </summary>
    public bool IsRedriven { get; private init; }

    /// <summary>The decision, set once it is journaled and never changed then.</summary>
    public Decision? Decision { get; set; }

    /// <summary>Number of failed callback attempts so far.</summary>
    public int AttemptsMade { get; set; }

    /// <summary>
    /// Whether the last attempt did not take place, because this process lacked a resource to open a connection.
    /// </summary>
    public bool LacksResources { get; set; }

    /// <summary>Why this node has nothing more to do for it; null while it has.</summary>
    public RequestMovedException? Moved { get; set; }

    /// <summary>Earliest time of the next attempt, if a receiver asked for one.</summary>
    public long? NotBefore { get; set; }

    /// <summary>Creates a pending request from the journal.</summary>
    public static PendingRequest FromJournal(UnsettledRequest unsettled, Receiver receiver, TimeProvider time)
    {
        var now = time.GetTimestamp();
        return new(
            unsettled.Request,
            receiver,
            time,
            Math.Min(unsettled.Since ?? now, now),
            unsettled.Life,
            isRecovered: true
        )
        {
            Decision = unsettled.Decision,
            AttemptsMade = unsettled.AttemptsMade,
            IsRedriven = unsettled.IsRedriven,
        };
    }

    public bool IsExpired(TimeProvider time) => time.GetTimestamp() >= Deadline;

    /// <summary>Returns the time since the request was accepted or redriven.</summary>
    public TimeSpan Age(TimeProvider time) => time.GetElapsedTime(Since);

    /// <summary>
    /// Claims this request for the lane's run <paramref name="generation"/>; true once for each run, for the caller
    /// that has to offer it.
    /// </summary>
    public bool TryClaim(int generation)
    {
        // Repeated when another caller was faster: that one may have claimed an older run, and no other caller would
        // offer this request to the newer one.
        for (var last = Volatile.Read(ref _generation); last < generation; )
        {
            var seen = Interlocked.CompareExchange(ref _generation, generation, last);
            if (seen == last)
                return true;
            last = seen;
        }

        return false;
    }
}

/// <summary>
/// Reports that a request left the pipeline: settled, or kept in the journal because the lane stops or another node has
/// it.
/// </summary>
/// <param name="Settlement">The settlement; null when the request was interrupted.</param>
internal sealed record CallbackReceipt(PendingRequest Pending, Settlement? Settlement)
{
    /// <summary>Creates the receipt of an interrupted delivery, which the journal keeps.</summary>
    public static CallbackReceipt Interrupted(PendingRequest pending) => new(pending, Settlement: null);
}
