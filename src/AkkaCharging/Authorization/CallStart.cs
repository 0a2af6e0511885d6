namespace AkkaCharging.Authorization;

/// <summary>
/// When the first authorizer of a question was called: a question waits for its turn before, which is not the
/// authorizer's time.
/// </summary>
internal sealed class CallStart
{
    /// <summary>The timestamp; null while nobody has been called.</summary>
    public long? At { get; private set; }

    public void Mark(long now) => At ??= now;
}
