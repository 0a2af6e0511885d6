namespace AkkaCharging.Receivers;

/// <summary>Whether a request was admitted, or why not.</summary>
internal enum AdmissionVerdict
{
    /// <summary>The request is admitted and holds a place until it leaves.</summary>
    Entered,

    /// <summary>The queue is full, or the share of it for receivers of this standing is.</summary>
    QueueFull,

    /// <summary>The receiver has used up its share of the queue; requests to others are still admitted.</summary>
    DestinationBacklogged,
}
