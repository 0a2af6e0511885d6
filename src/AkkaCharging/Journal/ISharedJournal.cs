namespace AkkaCharging.Journal;

/// <summary>
/// A journal that the nodes of a cluster share: each request belongs to a lane, and each lane to one node at a time.
/// </summary>
/// <remarks>
/// The journal says to which lane of this node a request that it accepts or redrives belongs. A node that lost a lane
/// can write nothing more into it: such writes fail with <see cref="JournalUnavailableException"/>.
/// </remarks>
internal interface ISharedJournal : IJournal
{
    /// <summary>Told about each lane that another node took from this one. From any thread; must not block.</summary>
    event EventHandler<LaneLostEventArgs>? LaneLost;

    /// <summary>
    /// Takes a lane from whoever has it: from here on only this node writes into it. New requests do not come into it
    /// yet.
    /// </summary>
    Task TakeLaneAsync(int lane, CancellationToken cancellationToken);

    /// <summary>What earlier holders of a lane left unsettled, oldest first, a page at a time.</summary>
    IAsyncEnumerable<UnsettledRequest> ReadUnsettledAsync(int lane, CancellationToken cancellationToken);

    /// <summary>Lets new requests into a lane that is held, or keeps them out; others go on.</summary>
    void SetOpen(int lane, bool isOpen);

    /// <summary>Gives a lane up after all else that is to be written into it.</summary>
    Task ReleaseLaneAsync(int lane, CancellationToken cancellationToken);

    /// <summary>Whether another node holds lanes and is connected to this journal: there is a cluster then.</summary>
    Task<bool> AreLanesHeldElsewhereAsync(CancellationToken cancellationToken);

    /// <summary>All lanes of the cluster and who holds them.</summary>
    Task<IReadOnlyList<LaneHolder>> ListLanesAsync(CancellationToken cancellationToken);
}

/// <summary>Another node took a lane from this one.</summary>
/// <param name="lane">Its number.</param>
internal sealed class LaneLostEventArgs(int lane) : EventArgs
{
    /// <summary>Its number.</summary>
    public int Lane => lane;
}

/// <summary>Who holds a lane.</summary>
/// <param name="Holder">Process and machine; null while nobody does.</param>
/// <param name="IsOurs">Whether it is this node.</param>
/// <param name="TakenAt">When it was last taken; null when it never was.</param>
internal sealed record LaneHolder(int Lane, string? Holder, bool IsOurs, DateTimeOffset? TakenAt);
