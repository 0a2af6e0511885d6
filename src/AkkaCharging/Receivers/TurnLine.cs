namespace AkkaCharging.Receivers;

/// <summary>One receiver's line for <see cref="FairSlots"/>: what it holds of them, and who waits for more.</summary>
/// <remarks>
/// First attempts and retries take turns, each of them oldest first: neither starves the other. Not thread-safe: used
/// under the register's lock.
/// </remarks>
internal abstract class TurnLine
{
    private Queue<ITurn> _first = new();
    private Queue<ITurn> _retries = new();
    private bool _isTurnOfRetries;

    protected TurnLine() => Node = new LinkedListNode<TurnLine>(this);

    /// <summary>Slots that it holds; written by <see cref="FairSlots"/>.</summary>
    public int Taken { get; set; }

    /// <summary>The share that it draws on; written by <see cref="FairSlots"/>.</summary>
    public Standing Standing { get; set; }

    /// <summary>When its only slot was taken for a first call; written by <see cref="FairSlots"/>.</summary>
    public long? FirstCallAt { get; set; }

    /// <summary>Its place among those that wait for a free slot; in no list when it does not.</summary>
    public LinkedListNode<TurnLine> Node { get; }

    public int WaitingCount => _first.Count + _retries.Count;

    /// <summary>Whether one that waits could start, were there a slot.</summary>
    public bool CouldStart => WaitingCount > 0 && HasRoom;

    /// <summary>The earliest deadline of those that wait, or one before it; a timestamp.</summary>
    public long EarliestDeadline { get; private set; } = long.MaxValue;

    /// <summary>Whether the receiver itself may hold one more slot.</summary>
    public abstract bool HasRoom { get; }

    /// <summary>Lets <paramref name="turn"/> wait.</summary>
    public void Enqueue(ITurn turn)
    {
        (turn.IsRetry ? _retries : _first).Enqueue(turn);
        EarliestDeadline = Math.Min(EarliestDeadline, turn.Deadline);
    }

    /// <summary>Starts the next that waits and is not gone, in the slot that was counted for it.</summary>
    /// <returns>False when there was none.</returns>
    public bool StartNext(long now)
    {
        while (TryDequeue(out var turn))
        {
            if (!turn.TryStart())
                continue;
            OnStarted(turn, now);
            return true;
        }

        return false;
    }

    /// <summary>Notes that <paramref name="turn"/> starts its attempt.</summary>
    public virtual void OnStarted(ITurn turn, long now) => _isTurnOfRetries = !turn.IsRetry;

    /// <summary>Releases those whose deadline has passed: they need no slot to be settled.</summary>
    /// <param name="now">A timestamp.</param>
    public void ReleaseExpired(long now)
    {
        if (now >= EarliestDeadline)
            Release(turn => turn.Deadline <= now);
    }

    /// <summary>Releases those that match, and drops those that are gone.</summary>
    public void Release(Predicate<ITurn> matches)
    {
        EarliestDeadline = long.MaxValue;
        _first = Remaining(_first);
        _retries = Remaining(_retries);

        Queue<ITurn> Remaining(Queue<ITurn> line)
        {
            if (line.Count == 0)
                return line;
            var remaining = new Queue<ITurn>();
            foreach (var turn in line)
            {
                if (turn.IsGone)
                    continue;
                if (matches(turn))
                {
                    turn.Release();
                    continue;
                }

                remaining.Enqueue(turn);
                EarliestDeadline = Math.Min(EarliestDeadline, turn.Deadline);
            }

            return remaining;
        }
    }

    private bool TryDequeue([System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out ITurn turn)
    {
        var (due, other) = _isTurnOfRetries ? (_retries, _first) : (_first, _retries);
        return due.TryDequeue(out turn) || other.TryDequeue(out turn);
    }
}
