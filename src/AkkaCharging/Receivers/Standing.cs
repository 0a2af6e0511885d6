namespace AkkaCharging.Receivers;

/// <summary>
/// Whether a receiver is known to answer: it decides which share of slots and of the queue it draws on.
/// </summary>
internal enum Standing
{
    /// <summary>It has not answered yet, and nobody has waited for its first answer for longer than a second.</summary>
    New,

    /// <summary>It has answered, and no attempt has been without an answer for a second since.</summary>
    Proven,

    /// <summary>Its breaker is not closed, or a delivery has waited for an answer for more than a second.</summary>
    Silent,
}

/// <summary>How standings are spelled in JSON and metrics.</summary>
internal static class Standings
{
    private static readonly string[] Names = ["new", "proven", "silent"];

    /// <summary>The standing in lower case.</summary>
    public static string Name(this Standing standing) => Names[(int)standing];
}
