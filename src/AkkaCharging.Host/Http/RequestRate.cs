using AkkaCharging.Pipeline.Stages;

namespace AkkaCharging.Host.Http;

/// <summary>A number of requests per second, of which as many may come at once after an idle second.</summary>
/// <param name="perSecond">Above zero.</param>
internal sealed class RequestRate(double perSecond, TimeProvider time)
{
    private readonly TokenBucket _bucket = new(perSecond, burst: Math.Max(1, Math.Floor(perSecond)), time);

    /// <summary>Takes one of them.</summary>
    /// <returns>How long to wait when there is none left; null when one was taken.</returns>
    public TimeSpan? TryTake()
    {
        var wait = _bucket.TryTake();
        return wait > 0 ? TimeSpan.FromSeconds(wait / time.TimestampFrequency) : null;
    }
}

/// <summary>What an API key may ask per second: <c>requestsPerSecond</c> submissions and as many look-ups.</summary>
/// <remarks>
/// Each has its own rate. With a common one, a caller that polls for its requests would take the place of its own
/// submissions, and the operator who limits submissions to what the receivers can take would have to add the polling.
/// </remarks>
internal sealed class CallerRate(double perSecond, TimeProvider time)
{
    /// <summary>The limit of each.</summary>
    public double PerSecond => perSecond;

    public RequestRate Submissions { get; } = new(perSecond, time);

    public RequestRate LookUps { get; } = new(perSecond, time);
}
