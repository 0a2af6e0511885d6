namespace AkkaCharging.Receivers;

/// <summary>Whether a request was let in.</summary>
internal enum AdmissionVerdict
{
    /// <summary>It holds a place until it leaves.</summary>
    Entered,

    /// <summary>
    /// As many are pending as may be, of all or of those to destinations that have not lately answered.
    /// </summary>
    QueueFull,

    /// <summary>Its destination holds its share of the queue; others are still let in.</summary>
    DestinationBacklogged,
}
