namespace AkkaCharging.Requests;

/// <summary>
/// The state of an accepted request. The last three are settled; of these only <see cref="Failed"/> can change again,
/// by a redrive.
/// </summary>
internal enum RequestState
{
    /// <summary>The request is stored, but not decided.</summary>
    Queued,

    /// <summary>The request is decided, but not called back.</summary>
    Decided,

    /// <summary>The receiver accepted the callback.</summary>
    Delivered,

    /// <summary>The callback ran out of retries or was rejected permanently: a dead letter.</summary>
    Failed,

    /// <summary>The request became too old before it was delivered.</summary>
    Expired,
}

/// <summary>The names of states in JSON, metrics and the journal.</summary>
internal static class StateNames
{
    private static readonly string[] States = ["queued", "decided", "delivered", "failed", "expired"];

    /// <summary>Returns the state in lower case.</summary>
    public static string Name(this RequestState state) => States[(int)state];
}
