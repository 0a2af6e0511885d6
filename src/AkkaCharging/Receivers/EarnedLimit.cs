namespace AkkaCharging.Receivers;

/// <summary>The number of attempts that a receiver may have in flight.</summary>
/// <remarks>
/// The limit starts at 2. An answer while all slots are in use raises it by one; an attempt without an answer, and an
/// answer that signals overload (429, 502, 503, 504), halve it. A receiver that needs no more slots never gets more: a
/// thousand quiet receivers that stop answering at once hold two slots each.
/// </remarks>
/// <param name="max">The highest limit that can be earned.</param>
internal sealed class EarnedLimit(int max)
{
    private const int Start = 2;
    private int _max = max;

    public int Value { get; private set; } = Math.Min(Start, max);

    private int Least => Math.Min(Start, _max);

    /// <summary>Raises the limit by one if all slots were in use.</summary>
    /// <param name="inFlight">Attempts in flight, the answered one included.</param>
    public void OnAnswer(int inFlight)
    {
        if (inFlight >= Value)
            Value = Math.Min(Value + 1, _max);
    }

    /// <summary>Halves the limit, to no less than 2.</summary>
    public void OnFailure() => Value = Math.Max(Value / 2, Least);

    /// <summary>Resets the limit to 2, so that a backlog is sent no faster than it is answered.</summary>
    public void Reset() => Value = Least;

    /// <summary>Changes the highest limit that can be earned.</summary>
    public void SetMax(int most)
    {
        _max = most;
        Value = Math.Min(Value, _max);
    }
}
