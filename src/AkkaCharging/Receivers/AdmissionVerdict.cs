namespace AkkaCharging.Receivers;

/// <summary>Whether a request was admitted.</summary>
internal enum AdmissionVerdict
{
    /// <summary>It holds a place until it leaves.</summary>
    Entered,

    /// <summary>The queue is full, or the share of it that is open to receivers of this standing.</summary>
    QueueFull,

    /// <summary>Its receiver holds its share of the queue; requests to others are still admitted.</summary>
    DestinationBacklogged,
}
