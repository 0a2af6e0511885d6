namespace AkkaCharging.Requests;

/// <summary>
/// Where an accepted request stands. Settled means one of the last three; of those only <see cref="Failed"/> ever
/// changes again, by a redrive.
/// </summary>
internal enum RequestState
{
    /// <summary>On disk, not decided.</summary>
    Queued,

    /// <summary>Decided, not called back.</summary>
    Decided,

    /// <summary>The receiver took the callback.</summary>
    Delivered,

    /// <summary>Out of retries or refused for good: a dead letter.</summary>
    Failed,

    /// <summary>Too old to be of use.</summary>
    Expired,
}

/// <summary>How states are spelled in JSON, metrics and the journal.</summary>
internal static class StateNames
{
    private static readonly string[] States = ["queued", "decided", "delivered", "failed", "expired"];

    /// <summary>The state in lower case.</summary>
    public static string Name(this RequestState state) => States[(int)state];
}
