using AkkaCharging.Requests;

namespace AkkaCharging.Receivers;

/// <summary>Slots that all receivers share: attempts in flight, or places of the retry lane.</summary>
/// <remarks>
/// <para>
/// Half of them are kept for proven receivers, so that any number of hanging ones cannot crowd out the healthy. Of the
/// other half three quarters are for silent receivers, and for what a new one wants beyond its first call; the rest is
/// for first calls alone. First calls go out newest first, and no more of them within 100 ms than an eighth of what the
/// unproven half has left: a burst of new receivers that hang turns silent without ever using it up, so that the first
/// call of a receiver that comes after them waits 100 ms at most, and as a rule not at all.
/// </para>
/// Free slots go round the receivers that wait, one each time, proven and others in turn. Not thread-safe: used under
/// the register's lock.
/// </remarks>
internal sealed class FairSlots(int capacity, TimeProvider time)
{
    private const int ShareOfFirstCalls = 8;
    private static readonly TimeSpan Young = TimeSpan.FromMilliseconds(100);

    private readonly LinkedList<TurnLine> _proven = new();
    private readonly LinkedList<TurnLine> _firstCalls = new();
    private readonly LinkedList<TurnLine> _others = new();
    private readonly Queue<(TurnLine Line, long At)> _youngCalls = new();
    private bool _isTurnOfOthers;
    private int _taken;
    private int _takenByUnproven;
    private int _young;

    public int Free => capacity - _taken;

    /// <summary>
    /// When a first call that waits may be made though no slot was given back; null when none waits so.
    /// </summary>
    public long? NextFirstCallAt =>
        _firstCalls.Count > 0 && Free > 0 && _youngCalls.TryPeek(out var oldest) ? time.After(oldest.At, Young) : null;

    private int UnprovenMax => capacity - (capacity / 2);

    private int SilentMax => UnprovenMax - (UnprovenMax / 4);

    /// <summary>Takes a slot past the rotation, for a receiver that could start at once.</summary>
    /// <returns>False while none is free for it, or others wait.</returns>
    public bool TryTake(TurnLine line, long now)
    {
        ForgetYoung(now);
        var rotation = RotationOf(line);
        if (rotation.Count > 0 || !IsOpen(rotation))
            return false;
        Take(line, now);
        return true;
    }

    /// <summary>Lets <paramref name="line"/> wait for a slot if it could use one.</summary>
    public void Consider(TurnLine line)
    {
        var rotation = RotationOf(line);
        if (line.Node.List == rotation || !line.CouldStart)
            return;
        line.Node.List?.Remove(line.Node);
        if (rotation == _firstCalls)
            rotation.AddFirst(line.Node);
        else
            rotation.AddLast(line.Node);
    }

    /// <summary>Hands free slots to those that wait.</summary>
    public void Serve(long now)
    {
        ForgetYoung(now);
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

    /// <summary>Takes a slot back.</summary>
    public void GiveBack(TurnLine line)
    {
        Count(line, -1);
        if (line.Taken == 0)
            EndFirstCall(line);
    }

    /// <summary>Counts what <paramref name="line"/> holds, and lets it wait, among those of another standing.</summary>
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

    /// <summary>Lets <paramref name="line"/> wait no more: its receiver is forgotten.</summary>
    public static void Remove(TurnLine line) => line.Node.List?.Remove(line.Node);

    private LinkedList<TurnLine> RotationOf(TurnLine line) =>
        line.Standing switch
        {
            Standing.Proven => _proven,
            Standing.New when line.Taken == 0 => _firstCalls,
            _ => _others,
        };

    /// <summary>Whether one of <paramref name="rotation"/> may take a slot.</summary>
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
