using System.Globalization;
using AkkaCharging.Pipeline.Stages;

namespace AkkaCharging.Host.Http;

/// <summary>
/// A rate limit in requests per second; after an idle second, the requests of one second may come at once.
/// </summary>
/// <param name="perSecond">Number of requests per second, above zero.</param>
/// <param name="name">The kind of owner in the headers: <c>key</c> or <c>address</c>.</param>
internal sealed class RequestRate(string name, double perSecond, TimeProvider time)
{
    private readonly TokenBucket _bucket = new(perSecond, Burst(perSecond), time);
    private readonly string _policy = string.Create(
        CultureInfo.InvariantCulture,
        $"\"{name}\";q={Burst(perSecond)};w={Math.Ceiling(Burst(perSecond) / perSecond)}"
    );

    /// <summary>Counts a request, if the limit allows it.</summary>
    /// <returns>How long to wait when the limit is used up; null when the request was counted.</returns>
    public TimeSpan? TryTake()
    {
        var wait = _bucket.TryTake();
        return wait > 0 ? TimeSpan.FromSeconds(wait / time.TimestampFrequency) : null;
    }

    /// <summary>
    /// Sets <c>RateLimit-Policy</c> to the number of requests that may come at once and the seconds in which that
    /// number is replenished, and <c>RateLimit</c> to the number available now and the seconds until the full number is
    /// available again.
    /// </summary>
    /// <remarks>Source: draft-ietf-httpapi-ratelimit-headers-10.</remarks>
    public void Describe(IHeaderDictionary headers)
    {
        var (left, untilFull) = _bucket.Level;
        headers["RateLimit-Policy"] = _policy;
        headers["RateLimit"] = string.Create(
            CultureInfo.InvariantCulture,
            $"\"{name}\";r={left};t={Math.Ceiling(untilFull / time.TimestampFrequency)}"
        );
    }

    private static double Burst(double perSecond) => Math.Max(1, Math.Floor(perSecond));
}

/// <summary>The rate limits of an API key: <c>requestsPerSecond</c> submissions and as many look-ups.</summary>
/// <remarks>
/// Both have their own rate. With a common one, a caller that polls for its requests would displace its own
/// submissions, and an operator who limits submissions to what the receivers can handle would have to add the polling.
/// </remarks>
internal sealed class CallerRate(double perSecond, TimeProvider time)
{
    /// <summary>The limit of each kind of request.</summary>
    public double PerSecond => perSecond;

    public RequestRate Submissions { get; } = new("key", perSecond, time);

    public RequestRate LookUps { get; } = new("key", perSecond, time);
}
