namespace AkkaCharging.Receivers;

/// <summary>One delivery's turn at a receiver: it holds a slot, or waits for one until its deadline.</summary>
/// <remarks>
/// A new one for each wait, so that an entry that outlives its stage in a line never stands for a later wait of the
/// same delivery. <see cref="TryStart"/> and <see cref="Release"/> are called under the register's lock, so that they
/// may only note what happened.
/// </remarks>
internal interface ITurn
{
    /// <summary>No attempt starts from then on: a timestamp of <see cref="TimeProvider.GetTimestamp"/>.</summary>
    long Deadline { get; }

    /// <summary>Whether the delivery waits for a retry, not for its first attempt.</summary>
    bool IsRetry { get; }

    /// <summary>The number of the attempt that this turn is for, counted from 1.</summary>
    int Attempt { get; }

    /// <summary>Identifies the delivery: failures of different deliveries say more than those of one.</summary>
    object Delivery { get; }

    /// <summary>The stage or call that waits.</summary>
    object Owner { get; }

    /// <summary>True when its owner has ended and will take no slot.</summary>
    bool IsGone { get; }

    /// <summary>Hands the turn its slot.</summary>
    /// <returns>False when it is gone; the slot was not taken.</returns>
    bool TryStart();

    /// <summary>Ends the wait without a slot: it expired, or its owner asked for that.</summary>
    void Release();
}
