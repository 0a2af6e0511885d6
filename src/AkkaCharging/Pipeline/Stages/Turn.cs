using AkkaCharging.Receivers;

namespace AkkaCharging.Pipeline.Stages;

/// <summary>Waits for turns, and takes each one when it is started or released.</summary>
internal interface ITurnTaker
{
    /// <summary>Whether the taker has ended and accepts no more turns.</summary>
    bool IsGone { get; }

    /// <summary>
    /// Takes a turn that was started or released. Called under the register's lock, so it may only record the turn.
    /// </summary>
    /// <returns>False when the taker has ended.</returns>
    bool TryTake(Turn turn);
}

/// <summary>A request's turn at its receiver: for an attempt, or for a place of the retry lane.</summary>
internal sealed class Turn(PendingRequest pending, bool isRetry, ITurnTaker taker) : ITurn
{
    public PendingRequest Pending { get; } = pending;

    /// <summary>
    /// Whether a slot has to be released. False for a turn that needs no slot, and for one that was released because it
    /// expired or was left to the journal.
    /// </summary>
    public bool HoldsSlot { get; private set; }

    public long Deadline => Pending.Deadline;

    public bool IsRetry => isRetry;

    public int Attempt => Pending.AttemptsMade + 1;

    public object Delivery => Pending;

    public object Owner => taker;

    public bool IsGone => taker.IsGone;

    /// <summary>Records that the slot was taken at once.</summary>
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
