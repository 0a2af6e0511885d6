using AkkaCharging.Timing;

namespace AkkaCharging.Receivers;

/// <summary>The slots that all receivers share: attempts in flight, or places of the retry lane.</summary>
/// <remarks>
/// <para> Half of the slots are reserved for proven receivers, so that hanging receivers, however many, cannot crowd
/// out healthy ones. Of the other half, three quarters are for silent receivers and for further calls of new ones; the
/// rest is for first calls only. The newest first call goes first, and within 100 ms at most an eighth of what the
/// unproven half has left may start: a burst of hanging new receivers thus turns silent without using up that rest, and
/// the first call of a later receiver waits 100 ms at most, and usually not at all. </para>
/// Free slots rotate among the waiting receivers, one slot each, alternating between proven and other receivers. Not
/// thread-safe: used under the register's lock.
/// </remarks>
internal sealed class FairSlots(int capacity, TimeProvider time)
{
    private const int ShareOfFirstCalls = 8;
    private static readonly TimeSpan Young = TimeSpan.FromMilliseconds(100);

    private readonly LinkedList<TurnLine> _proven = new();
    private readonly LinkedList<TurnLine> _firstCalls = new();
    private readonly LinkedList<TurnLine> _others = new();
    private readonly LinkedList<TurnLine> _blocked = new(); // wait for more free slots than there are
    private readonly Queue<(TurnLine Line, long At)> _youngCalls = new();
    private bool _isTurnOfOthers;
    private int _taken;
    private int _takenByUnproven;
    private int _young;
    private int _unblocksAt = int.MaxValue; // no more free slots than the first of the blocked lines needs

    public int Free => capacity - _taken;

    /// <summary>
    /// The time at which a waiting first call may start even if no slot was released; null when none waits for that.
    /// </summary>
    public long? NextFirstCallAt =>
        _firstCalls.Count > 0 && Free > 0 && _youngCalls.TryPeek(out var oldest) ? time.After(oldest.At, Young) : null;

    private int UnprovenMax => capacity - (capacity / 2);

    private int SilentMax => UnprovenMax - (UnprovenMax / 4);

    /// <summary>Takes a slot ahead of the rotation, for a receiver that can start at once.</summary>
    /// <returns>False when no slot is free for it, or others wait.</returns>
    public bool TryTake(TurnLine line, long now)
    {
        ForgetYoung(now);
        var rotation = RotationOf(line);
        if (rotation.Count > 0 || !IsOpen(rotation))
            return false;
        Take(line, now);
        return true;
    }

    /// <summary>
    /// Puts <paramref name="line"/> into the rotation if it could use a slot, or among the blocked lines if it could
    /// once more slots are free.
    /// </summary>
    public void Consider(TurnLine line)
    {
        if (!line.CouldStart)
        {
            Block(line);
            return;
        }

        var rotation = RotationOf(line);
        if (line.Node.List == rotation)
            return;
        line.Node.List?.Remove(line.Node);
        if (rotation == _firstCalls)
            rotation.AddFirst(line.Node);
        else
            rotation.AddLast(line.Node);
    }

    /// <summary>Gives free slots to waiting receivers.</summary>
    public void Serve(long now)
    {
        ForgetYoung(now);
        Unblock();
        while (Next() is { } line)
        {
            line.Node.List!.Remove(line.Node);
            if (line.CouldStart)
            {
                Take(line, now);
                if (!line.StartNext(now))
                    GiveBack(line);
            }

            Consider(line);
        }
    }

    /// <summary>Releases a slot.</summary>
    public void GiveBack(TurnLine line)
    {
        Count(line, -1);
        if (line.Taken == 0)
            EndFirstCall(line);
    }

    /// <summary>
    /// Moves <paramref name="line"/>, with the slots it holds and its place in the rotation, to another standing.
    /// </summary>
    public void Move(TurnLine line, Standing standing)
    {
        var held = line.Taken;
        Count(line, -held);
        line.Standing = standing;
        Count(line, held);
        if (standing == Standing.Proven)
            EndFirstCall(line);
        if (line.Node.List is not null)
            Consider(line);
    }

    /// <summary>Removes <paramref name="line"/> from its list, because its receiver is forgotten.</summary>
    public static void Remove(TurnLine line) => line.Node.List?.Remove(line.Node);

    private LinkedList<TurnLine> RotationOf(TurnLine line) =>
        line.Standing switch
        {
            Standing.Proven => _proven,
            Standing.New when line.Taken == 0 => _firstCalls,
            _ => _others,
        };

    private void Block(TurnLine line)
    {
        if (line.WaitingCount == 0 || line.FreeNeeded == 0)
            return;
        if (line.Node.List != _blocked)
        {
            line.Node.List?.Remove(line.Node);
            _blocked.AddLast(line.Node);
        }

        _unblocksAt = Math.Min(_unblocksAt, line.FreeNeeded);
    }

    /// <summary>Considers the blocked lines again when there are enough free slots for one of them.</summary>
    private void Unblock()
    {
        if (Free < _unblocksAt)
            return;
        _unblocksAt = int.MaxValue;
        for (var node = _blocked.First; node is not null; )
        {
            var next = node.Next;
            if (node.Value.WaitingCount == 0)
                _blocked.Remove(node);
            else
                Consider(node.Value);
            node = next;
        }
    }

    /// <summary>Checks whether a receiver in <paramref name="rotation"/> may take a slot.</summary>
    private bool IsOpen(LinkedList<TurnLine> rotation)
    {
        if (Free <= 0 || rotation == _proven)
            return Free > 0;
        var left = UnprovenMax - _takenByUnproven;
        return rotation == _firstCalls
            ? left > 0 && _young < Math.Max(left / ShareOfFirstCalls, 1)
            : _takenByUnproven < SilentMax;
    }

    private LinkedListNode<TurnLine>? FirstOf(LinkedList<TurnLine> rotation) =>
        rotation.First is { } first && IsOpen(rotation) ? first : null;

    private TurnLine? Next()
    {
        if (FirstOf(_firstCalls) is { } firstCall)
            return firstCall.Value;
        var (other, proven) = (FirstOf(_others), FirstOf(_proven));
        var next = _isTurnOfOthers ? other ?? proven : proven ?? other;
        if (next is not null)
            _isTurnOfOthers = next == proven;
        return next?.Value;
    }

    private void Take(TurnLine line, long now)
    {
        if (line is { Standing: Standing.New, Taken: 0 })
        {
            line.FirstCallAt = now;
            _youngCalls.Enqueue((line, now));
            _young++;
        }

        Count(line, 1);
    }

    private void Count(TurnLine line, int slots)
    {
        line.Taken += slots;
        _taken += slots;
        if (line.Standing != Standing.Proven)
            _takenByUnproven += slots;
    }

    private void EndFirstCall(TurnLine line)
    {
        if (line.FirstCallAt is null)
            return;
        line.FirstCallAt = null;
        _young--;
    }

    private void ForgetYoung(long now)
    {
        while (_youngCalls.TryPeek(out var oldest))
        {
            var isOver = oldest.Line.FirstCallAt != oldest.At;
            if (!isOver && time.GetElapsedTime(oldest.At, now) < Young)
                return;
            _youngCalls.Dequeue();
            if (!isOver)
                EndFirstCall(oldest.Line);
        }
    }
}
