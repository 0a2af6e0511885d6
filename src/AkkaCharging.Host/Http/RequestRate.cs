using System.Globalization;
using AkkaCharging.Pipeline.Stages;

namespace AkkaCharging.Host.Http;

/// <summary>A number of requests per second, of which as many may come at once after an idle second.</summary>
/// <param name="perSecond">Above zero.</param>
/// <param name="name">Whose rate it is, in the headers: <c>key</c>, <c>address</c>.</param>
internal sealed class RequestRate(string name, double perSecond, TimeProvider time)
{
    private readonly TokenBucket _bucket = new(perSecond, Burst(perSecond), time);
    private readonly string _policy = string.Create(
        CultureInfo.InvariantCulture,
        $"\"{name}\";q={Burst(perSecond)};w={Math.Ceiling(Burst(perSecond) / perSecond)}"
    );

    /// <summary>Takes one of them.</summary>
    /// <returns>How long to wait when there is none left; null when one was taken.</returns>
    public TimeSpan? TryTake()
    {
        var wait = _bucket.TryTake();
        return wait > 0 ? TimeSpan.FromSeconds(wait / time.TimestampFrequency) : null;
    }

    /// <summary>
    /// Says in <c>RateLimit-Policy</c> how many requests may come at once and in how many seconds as many come back,
    /// and in <c>RateLimit</c> how many of them are left and when all are there again.
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

/// <summary>What an API key may ask per second: <c>requestsPerSecond</c> submissions and as many look-ups.</summary>
/// <remarks>
/// Each has its own rate. With a common one, a caller that polls for its requests would take the place of its own
/// submissions, and the operator who limits submissions to what the receivers can take would have to add the polling.
/// </remarks>
internal sealed class CallerRate(double perSecond, TimeProvider time)
{
    /// <summary>The limit of each.</summary>
    public double PerSecond => perSecond;

    public RequestRate Submissions { get; } = new("key", perSecond, time);

    public RequestRate LookUps { get; } = new("key", perSecond, time);
}
