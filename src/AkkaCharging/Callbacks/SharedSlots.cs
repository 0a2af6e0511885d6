namespace AkkaCharging.Callbacks;

/// <summary>Slots that all destinations share: attempts in flight, or retries under way.</summary>
/// <remarks>
/// Half of them are kept for destinations that have lately answered, so that any number of hanging ones cannot buy out the healthy.
/// Free slots go round the destinations that wait for one, one each time. Not thread-safe: used under the lock of <see cref="Destinations"/>.
/// </remarks>
internal sealed class SharedSlots(int capacity)
{
    private readonly int _capacityForSilent = capacity - (capacity / 2);
    private readonly Queue<SlotLine> _answering = new();
    private readonly Queue<SlotLine> _silent = new();
    private bool _isTurnOfSilent;
    private int _taken;
    private int _takenBySilent;

    public int Free => capacity - _taken;

    /// <summary>Takes a slot past the rotation, for a destination that could start at once.</summary>
    /// <returns>False while none is free for it, or others wait.</returns>
    public bool TryTake(SlotLine line)
    {
        var (rotation, free) = line.Destination.IsAnswering ? (_answering, Free) : (_silent, Math.Min(Free, _capacityForSilent - _takenBySilent));
        if (rotation.Count > 0 || free <= 0)
            return false;
        Count(line, 1);
        return true;
    }

    /// <summary>Puts <paramref name="line"/> into the rotation if it could use a slot.</summary>
    public void Consider(SlotLine line)
    {
        if (line.IsInRotation || !line.CouldStart)
            return;
        line.IsInRotation = true;
        (line.Destination.IsAnswering ? _answering : _silent).Enqueue(line);
    }

    /// <summary>Hands free slots to those that wait.</summary>
    public void Serve()
    {
        while (Next() is { } line)
        {
            line.IsInRotation = false;
            if (line.CouldStart)
            {
                Count(line, 1);
                if (!line.StartNext())
                    Count(line, -1);
            }

            Consider(line);
        }
    }

    /// <summary>Takes a slot back.</summary>
    public void GiveBack(SlotLine line) => Count(line, -1);

    /// <summary>Counts what <paramref name="line"/> holds to the other kind, after its destination changed.</summary>
    public void MoveBetweenKinds(SlotLine line) => _takenBySilent += line.Destination.IsAnswering ? -line.Taken : line.Taken;

    private SlotLine? Next()
    {
        if (Free <= 0)
            return null;

        // Those that fell silent while they waited wait on with the others of their kind.
        while (_answering.TryPeek(out var first) && !first.Destination.IsAnswering)
            _silent.Enqueue(_answering.Dequeue());
        var maySilent = _silent.Count > 0 && _takenBySilent < _capacityForSilent;
        var fromSilent = maySilent && (_isTurnOfSilent || _answering.Count == 0);
        _isTurnOfSilent = !fromSilent;
        return fromSilent ? _silent.Dequeue() : _answering.TryDequeue(out var line) ? line : null;
    }

    private void Count(SlotLine line, int slots)
    {
        line.Taken += slots;
        _taken += slots;
        if (!line.Destination.IsAnswering)
            _takenBySilent += slots;
    }
}
