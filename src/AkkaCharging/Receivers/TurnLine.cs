namespace AkkaCharging.Receivers;

/// <summary>
/// A receiver's line for <see cref="FairSlots"/>: the slots it holds, and the turns that wait for more.
/// </summary>
/// <remarks>
/// First attempts and retries alternate, each of them oldest first, so that neither starves the other. Not thread-safe:
/// used under the register's lock.
/// </remarks>
internal abstract class TurnLine
{
    private Queue<ITurn> _first = new();
    private Queue<ITurn> _retries = new();
    private bool _isTurnOfRetries;

    protected TurnLine() => Node = new LinkedListNode<TurnLine>(this);

    /// <summary>Number of slots that the line holds; written by <see cref="FairSlots"/>.</summary>
    public int Taken { get; set; }

    /// <summary>The standing whose share the line uses; written by <see cref="FairSlots"/>.</summary>
    public Standing Standing { get; set; }

    /// <summary>When the line's only slot was taken for a first call; written by <see cref="FairSlots"/>.</summary>
    public long? FirstCallAt { get; set; }

    /// <summary>The line's node in the rotation; in no list while it waits for no slot.</summary>
    public LinkedListNode<TurnLine> Node { get; }

    public int WaitingCount => _first.Count + _retries.Count;

    /// <summary>Whether a waiting turn could start if there were a free slot.</summary>
    public bool CouldStart => WaitingCount > 0 && HasRoom;

    /// <summary>A timestamp no later than the earliest deadline of the waiting turns.</summary>
    public long EarliestDeadline { get; private set; } = long.MaxValue;

    /// <summary>Whether the receiver's own limit allows one more slot.</summary>
    public abstract bool HasRoom { get; }

    /// <summary>
    /// The number of slots free among all receivers with which the line has room; 0 when that does not depend on it.
    /// </summary>
    public virtual int FreeNeeded => 0;

    /// <summary>Adds <paramref name="turn"/> to the line.</summary>
    public void Enqueue(ITurn turn)
    {
        (turn.IsRetry ? _retries : _first).Enqueue(turn);
        EarliestDeadline = Math.Min(EarliestDeadline, turn.Deadline);
    }

    /// <summary>
    /// Starts the next waiting turn whose owner has not ended, in a slot that was already counted. Expired turns before
    /// it are released.
    /// </summary>
    /// <returns>False when there was no such turn.</returns>
    public bool StartNext(long now)
    {
        while (TryDequeue(out var turn))
        {
            if (turn.Deadline <= now)
            {
                ReleaseOne(turn);
                continue;
            }

            if (!turn.TryStart())
                continue;
            OnStarted(turn, now);
            return true;
        }

        return false;
    }

    /// <summary>Records that <paramref name="turn"/> starts its attempt.</summary>
    public virtual void OnStarted(ITurn turn, long now) => _isTurnOfRetries = !turn.IsRetry;

    /// <summary>Releases turns whose deadline has passed, because they need no slot to be settled.</summary>
    /// <param name="now">The current timestamp.</param>
    public void ReleaseExpired(long now)
    {
        if (now < EarliestDeadline)
            return;
        // Turns mostly expire in the order of the line, which is then not copied.
        ReleaseFront(_first, now);
        ReleaseFront(_retries, now);
        EarliestDeadline = Math.Min(EarliestOf(_first), EarliestOf(_retries));
        if (now >= EarliestDeadline)
            Release(turn => turn.Deadline <= now);
    }

    /// <summary>Releases the turns that match, and drops those whose owner has ended.</summary>
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

    private static void ReleaseFront(Queue<ITurn> line, long now)
    {
        while (line.TryPeek(out var turn) && turn.Deadline <= now)
        {
            line.Dequeue();
            ReleaseOne(turn);
        }
    }

    private static void ReleaseOne(ITurn turn)
    {
        if (!turn.IsGone)
            turn.Release();
    }

    private static long EarliestOf(Queue<ITurn> line)
    {
        var earliest = long.MaxValue;
        foreach (var turn in line)
            earliest = Math.Min(earliest, turn.Deadline);
        return earliest;
    }

    private bool TryDequeue([System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out ITurn turn)
    {
        var (due, other) = _isTurnOfRetries ? (_retries, _first) : (_first, _retries);
        return due.TryDequeue(out turn) || other.TryDequeue(out turn);
    }
}
