namespace AkkaCharging.Receivers;

/// <summary>Whether a receiver is known to answer, which decides its share of slots and of the queue.</summary>
internal enum Standing
{
    /// <summary>
    /// The receiver has not answered yet, and no delivery has waited for its first answer for more than a second.
    /// </summary>
    New,

    /// <summary>The receiver has answered, and no attempt has waited for an answer for a second since.</summary>
    Proven,

    /// <summary>
    /// The receiver's breaker is not closed, or a delivery has waited for an answer for more than a second. It is new
    /// again when all that waited for its first call have expired.
    /// </summary>
    Silent,
}

/// <summary>The names of standings in JSON and metrics.</summary>
internal static class Standings
{
    private static readonly string[] Names = ["new", "proven", "silent"];

    /// <summary>Returns the standing in lower case.</summary>
    public static string Name(this Standing standing) => Names[(int)standing];
}
