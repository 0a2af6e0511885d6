namespace AkkaCharging.Receivers;

/// <summary>A delivery as its receiver sees it: it holds a slot or waits for one, until its deadline.</summary>
internal interface IWaitingDelivery
{
    /// <summary>From then on no attempt starts: a timestamp of <see cref="TimeProvider.GetTimestamp"/>.</summary>
    long Deadline { get; }
}
