namespace AkkaCharging.Scenarios.PowerCuts;

/// <summary>What cuts of recorded runs left.</summary>
internal sealed class Findings
{
    public int Runs { get; set; }

    public int Images { get; set; }

    /// <summary>Images with writes that were left to chance.</summary>
    public int Unsynced { get; set; }

    /// <summary>Images that were also opened by the service's own journal.</summary>
    public int Started { get; set; }

    public int Answers { get; set; }

    /// <summary>Answered requests that an image lacked, over all images.</summary>
    public int LostRequests { get; set; }

    /// <summary>Decisions that were called back and that an image lacked, over all images.</summary>
    public int LostDecisions { get; set; }
}
