using AkkaCharging.Authorization;
using AkkaCharging.Callbacks;
using AkkaCharging.Journal;
using AkkaCharging.Requests;

namespace AkkaCharging.Pipeline;

/// <summary>An accepted request on its way through a lane: the element of the graph. One stage at a time holds it, so its state needs no lock.</summary>
/// <param name="destination">That it is counted at, until it is settled.</param>
/// <param name="enqueuedAt">A timestamp of <see cref="TimeProvider.GetTimestamp"/>.</param>
/// <param name="isRecovered">Whether it came from the journal, not from admission.</param>
internal sealed class PendingRequest(ChargingRequest request, Destination destination, long enqueuedAt, bool isRecovered = false)
{
    private int _generation;

    public ChargingRequest Request { get; } = request;

    public Destination Destination { get; } = destination;

    public long EnqueuedAt { get; } = enqueuedAt;

    public bool IsRecovered { get; } = isRecovered;

    /// <summary>Whether it was a dead letter before: what becomes of it says nothing about how receivers are at present.</summary>
    public bool IsRedriven { get; private init; }

    /// <summary>When it was accepted, or redriven, in seconds since 1970.</summary>
    public long Since { get; private init; } = request.AcceptedAt.ToUnixTimeSeconds();

    /// <summary>Set once it is journaled; then it is never decided again.</summary>
    public Decision? Decision { get; set; }

    /// <summary>Callback attempts that failed so far.</summary>
    public int AttemptsMade { get; set; }

    /// <summary>Whether its last attempt was none, because this process lacked what it takes to open a connection.</summary>
    public bool LacksResources { get; set; }

    /// <summary>Earliest time of the next attempt, where a receiver asked for one.</summary>
    public DateTimeOffset NotBefore { get; set; }

    /// <summary>A request as the journal gives it back.</summary>
    public static PendingRequest FromJournal(UnsettledRequest unsettled, Destination destination, TimeProvider time) => new(unsettled.Request, destination, time.GetTimestamp(), isRecovered: true)
    {
        Decision = unsettled.Decision,
        AttemptsMade = unsettled.AttemptsMade,
        IsRedriven = unsettled.IsRedriven,
        Since = (unsettled.IsRedriven ? time.GetUtcNow() : unsettled.Request.AcceptedAt).ToUnixTimeSeconds(),
    };

    public bool IsExpired(TimeProvider time) => time.GetUtcNow() >= Request.ExpiresAt;

    /// <summary>Whether the caller is the one who offers this request to the lane's run <paramref name="generation"/>: true once for each run.</summary>
    public bool TryClaim(int generation)
    {
        // Again when another was faster: it may have claimed an older run, and nobody else would offer this request to the newer one.
        for (var last = Volatile.Read(ref _generation); last < generation;)
        {
            var seen = Interlocked.CompareExchange(ref _generation, generation, last);
            if (seen == last)
                return true;
            last = seen;
        }

        return false;
    }
}

/// <summary>What left the pipeline: a settled request, or one that shutdown interrupted and the journal keeps.</summary>
/// <param name="Settlement">Null when it was interrupted.</param>
internal sealed record CallbackReceipt(PendingRequest Pending, Settlement? Settlement);
