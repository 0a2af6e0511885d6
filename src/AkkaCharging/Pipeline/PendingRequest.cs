using AkkaCharging.Journal;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;

namespace AkkaCharging.Pipeline;

/// <summary>
/// An accepted request on its way through a lane: the element of the graph. One stage at a time holds it, so its state
/// needs no lock.
/// </summary>
/// <remarks>
/// It ages by the monotonic clock: what is said about its age here are timestamps of
/// <see cref="TimeProvider.GetTimestamp"/>. A wall clock that is set makes it neither older nor younger. The times of
/// its <see cref="Request"/> are for people and for the journal.
/// </remarks>
/// <param name="receiver">The receiver that this request counts against until it is settled.</param>
/// <param name="since">When it was accepted, or redriven.</param>
/// <param name="life">How old it may become.</param>
/// <param name="isRecovered">Whether it came from the journal, not from admission.</param>
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

    /// <summary>When it came here.</summary>
    public long EnqueuedAt { get; } = time.GetTimestamp();

    /// <summary>When it was accepted, or redriven.</summary>
    public long Since { get; } = since;

    /// <summary>From then on no attempt starts.</summary>
    public long Deadline { get; } = time.After(since, life);

    public bool IsRecovered { get; } = isRecovered;

    /// <summary>
    /// Whether it was a dead letter before: what becomes of it says nothing about how receivers are at present.
    /// </summary>
    public bool IsRedriven { get; private init; }

    /// <summary>Set once it is journaled; then it is never decided again.</summary>
    public Decision? Decision { get; set; }

    /// <summary>Callback attempts that failed so far.</summary>
    public int AttemptsMade { get; set; }

    /// <summary>
    /// Whether its last attempt was none, because this process lacked what it takes to open a connection.
    /// </summary>
    public bool LacksResources { get; set; }

    /// <summary>Earliest time of the next attempt, where a receiver asked for one.</summary>
    public long? NotBefore { get; set; }

    /// <summary>A request as the journal gives it back.</summary>
    public static PendingRequest FromJournal(UnsettledRequest unsettled, Receiver receiver, TimeProvider time)
    {
        var age = unsettled.Age is { } told && told > TimeSpan.Zero ? told : TimeSpan.Zero;
        return new(
            unsettled.Request,
            receiver,
            time,
            time.After(time.GetTimestamp(), -age),
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

    /// <summary>How long ago it was accepted, or redriven.</summary>
    public TimeSpan Age(TimeProvider time) => time.GetElapsedTime(Since);

    /// <summary>
    /// Whether the caller is the one who offers this request to the lane's run <paramref name="generation"/>: true once
    /// for each run.
    /// </summary>
    public bool TryClaim(int generation)
    {
        // Again when another was faster: it may have claimed an older run, and nobody else would offer this request to
        // the newer one.
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
/// What left the pipeline: a settled request, or one that shutdown interrupted and the journal keeps.
/// </summary>
/// <param name="Settlement">Null when it was interrupted.</param>
internal sealed record CallbackReceipt(PendingRequest Pending, Settlement? Settlement)
{
    /// <summary>The receipt of a delivery that shutdown interrupted: the journal keeps it for later.</summary>
    public static CallbackReceipt Interrupted(PendingRequest pending) => new(pending, Settlement: null);
}
