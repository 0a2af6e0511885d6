namespace AkkaCharging.Receivers;

/// <summary>A delivery's turn at a receiver: it holds a slot, or waits for one until its deadline.</summary>
/// <remarks>
/// Each wait has its own turn, so that an entry that outlives its stage in a line is never taken for a later wait of
/// the same delivery. <see cref="TryStart"/> and <see cref="Release"/> are called under the register's lock, so they
/// may only record what happened.
/// </remarks>
internal interface ITurn
{
    /// <summary>The timestamp of <see cref="TimeProvider.GetTimestamp"/> after which no attempt starts.</summary>
    long Deadline { get; }

    /// <summary>Whether the delivery waits for a retry, not for its first attempt.</summary>
    bool IsRetry { get; }

    /// <summary>The number of the attempt that this turn is for, counted from 1.</summary>
    int Attempt { get; }

    /// <summary>
    /// Identifies the delivery: failures of different deliveries are stronger evidence than those of one.
    /// </summary>
    object Delivery { get; }

    /// <summary>The stage or call that waits.</summary>
    object Owner { get; }

    /// <summary>Whether the owner has ended and accepts no slot.</summary>
    bool IsGone { get; }

    /// <summary>Gives the turn a slot.</summary>
    /// <returns>False when the owner has ended; the slot was not taken.</returns>
    bool TryStart();

    /// <summary>Ends the wait without a slot, because the turn expired or its owner asked for that.</summary>
    void Release();
}
