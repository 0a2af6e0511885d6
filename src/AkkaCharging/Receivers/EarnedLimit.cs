namespace AkkaCharging.Receivers;

/// <summary>How many attempts one receiver may have in flight.</summary>
/// <remarks>
/// It starts with 2. An answer while all of them are in use earns one more; an attempt without an answer, and an answer
/// that says that it is too much (429, 502, 503, 504), halve them. A receiver that does not need more never gets more:
/// a thousand quiet ones that fall silent at once hold two slots each.
/// </remarks>
/// <param name="max">The highest that can be earned.</param>
internal sealed class EarnedLimit(int max)
{
    private const int Start = 2;
    private int _max = max;

    public int Value { get; private set; } = Math.Min(Start, max);

    private int Least => Math.Min(Start, _max);

    /// <summary>Earns one more if all slots were in use.</summary>
    /// <param name="inFlight">Attempts in flight, the answered one included.</param>
    public void OnAnswer(int inFlight)
    {
        if (inFlight >= Value)
            Value = Math.Min(Value + 1, _max);
    }

    /// <summary>Halves the limit, to not less than 2.</summary>
    public void OnFailure() => Value = Math.Max(Value / 2, Least);

    /// <summary>Starts again with 2, so that a backlog goes out no faster than it is answered.</summary>
    public void Reset() => Value = Least;

    /// <summary>Changes what can be earned at most.</summary>
    public void SetMax(int most)
    {
        _max = most;
        Value = Math.Min(Value, _max);
    }
}
