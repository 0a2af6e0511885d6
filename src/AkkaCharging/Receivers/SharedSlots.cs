namespace AkkaCharging.Receivers;

/// <summary>Slots that all destinations share: attempts in flight, or retries under way.</summary>
/// <remarks>
/// Half of them are kept for destinations that have lately answered, so that any number of hanging ones cannot buy out
/// the healthy. Free slots go round the destinations that wait for one, one each time. Not thread-safe: used under the
/// lock of <see cref="Destinations"/>.
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
        var (rotation, free) = line.Destination.IsAnswering
            ? (_answering, Free)
            : (_silent, Math.Min(Free, _capacityForSilent - _takenBySilent));
        if (rotation.Count > 0 || free <= 0)
            return false;
        Count(line, 1);
        return true;
    }

    /// <summary>Puts <paramref name="line"/> into the rotation if it could use a slot.</summary>
    public void Consider(SlotLine line)
    {
        if (line.Rotation is null && line.CouldStart)
            Enter(line);
    }

    /// <summary>Hands free slots to those that wait.</summary>
    public void Serve()
    {
        while (Next() is { } line)
        {
            line.Rotation = null;
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

    /// <summary>
    /// Counts what <paramref name="line"/> holds to the other kind, and lets it wait among them, after its destination
    /// changed.
    /// </summary>
    public void MoveBetweenKinds(SlotLine line)
    {
        _takenBySilent += line.Destination.IsAnswering ? -line.Taken : line.Taken;
        if (line.Rotation is not null)
            Enter(line); // its entry in the other rotation is passed over when it comes up
    }

    private SlotLine? Next()
    {
        if (Free <= 0)
            return null;

        PassOverMoved(_answering);
        PassOverMoved(_silent);
        var maySilent = _silent.Count > 0 && _takenBySilent < _capacityForSilent;
        var fromSilent = maySilent && (_isTurnOfSilent || _answering.Count == 0);
        if (!(fromSilent ? _silent : _answering).TryDequeue(out var line))
            return null;
        _isTurnOfSilent = !fromSilent;
        return line;
    }

    private static void PassOverMoved(Queue<SlotLine> rotation)
    {
        while (rotation.TryPeek(out var line) && line.Rotation != rotation)
            rotation.Dequeue();
    }

    private void Enter(SlotLine line)
    {
        line.Rotation = line.Destination.IsAnswering ? _answering : _silent;
        line.Rotation.Enqueue(line);
    }

    private void Count(SlotLine line, int slots)
    {
        line.Taken += slots;
        _taken += slots;
        if (!line.Destination.IsAnswering)
            _takenBySilent += slots;
    }
}
