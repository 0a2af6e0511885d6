namespace AkkaCharging.Receivers;

/// <summary>Whoever waits for a slot.</summary>
internal interface ISlotTaker
{
    /// <summary>True when it will take no more: what it waited for is over.</summary>
    bool IsGone { get; }

    /// <summary>Told under a lock, so it must only note what it got.</summary>
    /// <param name="holdsSlot">False when the request expired while it waited: there is nothing to give back.</param>
    /// <returns>False when it is gone; the slot was not taken.</returns>
    bool TryTake(IWaitingDelivery pending, bool holdsSlot);
}

/// <summary>
/// One destination's line for <see cref="SharedSlots"/>: what it holds of them and who waits for more.
/// </summary>
/// <remarks>
/// First attempts go before retries, each of them oldest first. Not thread-safe: used under the lock of
/// <see cref="Destinations"/>.
/// </remarks>
internal abstract class SlotLine(Destination destination, SharedSlots slots)
{
    private Queue<Waiting> _first = new();
    private Queue<Waiting> _retries = new();
    private long _earliestExpiry = long.MaxValue;

    public Destination Destination { get; } = destination;

    /// <summary>Slots that it holds; counted by <see cref="SharedSlots"/>.</summary>
    public int Taken { get; set; }

    /// <summary>Where it waits for its turn at a free slot; null when it does not.</summary>
    public Queue<SlotLine>? Rotation { get; set; }

    public int WaitingCount => _first.Count + _retries.Count;

    /// <summary>Whether one that waits could start, were there a slot.</summary>
    public bool CouldStart => WaitingCount > 0 && HasRoom;

    /// <summary>Whether the destination itself may hold one more slot.</summary>
    protected abstract bool HasRoom { get; }

    /// <returns>True when a slot was taken at once; else <paramref name="taker"/> will be told.</returns>
    public bool TakeOrWait(IWaitingDelivery pending, ISlotTaker taker, bool isRetry)
    {
        if (WaitingCount == 0 && HasRoom && slots.TryTake(this))
        {
            OnStarted(pending);
            return true;
        }

        (isRetry ? _retries : _first).Enqueue(new(pending, taker));
        _earliestExpiry = Math.Min(_earliestExpiry, pending.Deadline);
        slots.Consider(this);
        return false;
    }

    /// <summary>Starts the next that waits and is not gone, in the slot that was counted for it.</summary>
    /// <returns>False when there was none.</returns>
    public bool StartNext()
    {
        while (_first.TryDequeue(out var waiting) || _retries.TryDequeue(out waiting))
        {
            if (!waiting.Taker.TryTake(waiting.Pending, holdsSlot: true))
                continue;
            OnStarted(waiting.Pending);
            return true;
        }

        return false;
    }

    /// <summary>Lets those go that expired while they waited: they need no slot to be settled.</summary>
    /// <param name="now">A timestamp.</param>
    public void ReleaseExpired(long now)
    {
        if (now < _earliestExpiry)
            return;
        Remove(
            waiting => waiting.Pending.Deadline <= now,
            waiting => waiting.Taker.TryTake(waiting.Pending, holdsSlot: false)
        );
        _earliestExpiry = _first
            .Concat(_retries)
            .Select(waiting => waiting.Pending.Deadline)
            .DefaultIfEmpty(long.MaxValue)
            .Min();
    }

    /// <summary>Takes those out whose taker is <paramref name="taker"/>, or gone.</summary>
    public IReadOnlyList<IWaitingDelivery> Withdraw(ISlotTaker taker)
    {
        var withdrawn = new List<IWaitingDelivery>();
        Remove(
            waiting => waiting.Taker == taker || waiting.Taker.IsGone,
            waiting =>
            {
                if (waiting.Taker == taker)
                    withdrawn.Add(waiting.Pending);
            }
        );
        return withdrawn;
    }

    /// <summary>Told when an attempt of <paramref name="pending"/> starts.</summary>
    protected virtual void OnStarted(IWaitingDelivery pending) { }

    private void Remove(Predicate<Waiting> isRemoved, Action<Waiting> removed)
    {
        _first = Remaining(_first);
        _retries = Remaining(_retries);

        Queue<Waiting> Remaining(Queue<Waiting> line)
        {
            if (line.Count == 0)
                return line;
            var remaining = new Queue<Waiting>();
            foreach (var waiting in line)
            {
                if (isRemoved(waiting))
                    removed(waiting);
                else
                    remaining.Enqueue(waiting);
            }

            return remaining;
        }
    }

    private readonly record struct Waiting(IWaitingDelivery Pending, ISlotTaker Taker);
}
