using AkkaCharging.Receivers;

namespace AkkaCharging.Pipeline.Stages;

/// <summary>Takes the turns that it let wait, once they are started or released.</summary>
internal interface ITurnTaker
{
    /// <summary>True when it has ended and takes no more.</summary>
    bool IsGone { get; }

    /// <summary>Takes a turn back. Called under the register's lock, so that it may only note it.</summary>
    /// <returns>False when it is gone.</returns>
    bool TryTake(Turn turn);
}

/// <summary>A request's turn at its receiver: for an attempt, or for a place of the retry lane.</summary>
internal sealed class Turn(PendingRequest pending, bool isRetry, ITurnTaker taker) : ITurn
{
    public PendingRequest Pending { get; } = pending;

    /// <summary>
    /// Whether a slot has to be given back. False for a turn that needs none, and for one that was released: it
    /// expired, or the lane leaves it to the journal.
    /// </summary>
    public bool HoldsSlot { get; private set; }

    public long Deadline => Pending.Deadline;

    public bool IsRetry => isRetry;

    public int Attempt => Pending.AttemptsMade + 1;

    public object Delivery => Pending;

    public object Owner => taker;

    public bool IsGone => taker.IsGone;

    /// <summary>Notes that the slot was taken at once.</summary>
    public Turn Started()
    {
        HoldsSlot = true;
        return this;
    }

    public bool TryStart()
    {
        HoldsSlot = true;
        return taker.TryTake(this) || (HoldsSlot = false);
    }

    public void Release() => taker.TryTake(this);
}
