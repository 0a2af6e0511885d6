using HdrHistogram;

namespace AkkaCharging.Bench.Driving;

/// <summary>
/// What a run came to. Latencies count from the time at which the schedule had the request, in microseconds; only what
/// was due while it was measured counts.
/// </summary>
internal sealed class LoadResult
{
    private const long LongestMicroseconds = 120_000_000;

    /// <summary>Sequence numbers that were answered 200, over the whole run.</summary>
    public List<int> Accepted { get; } = [];

    /// <summary>To the 200.</summary>
    public LongHistogram Accept { get; } = New();

    /// <summary>To the 503.</summary>
    public LongHistogram Refuse { get; } = New();

    /// <summary>To the arrival of the callback at the receiver.</summary>
    public LongHistogram EndToEnd { get; } = New();

    /// <summary>
    /// To the arrival of the callback, for requests that <see cref="LoadPlan.IsHealthy"/> excludes and that have one.
    /// </summary>
    public LongHistogram EndToEndFaulty { get; } = New();

    /// <summary>
    /// From the moment at which a request was due and a connection free, to its sending: the driver's own fault.
    /// </summary>
    public LongHistogram DriverLag { get; } = New();

    /// <summary>Seconds that were measured.</summary>
    public double Seconds { get; set; }

    /// <summary>200s while it was measured.</summary>
    public long AcceptedMeasured { get; set; }

    /// <summary>Callbacks that arrived while it was measured, a second.</summary>
    public double JourneysPerSecond { get; set; }

    /// <summary>Answers other than 200, and 503 where that is one.</summary>
    public SortedDictionary<int, int> Errors { get; } = [];

    /// <summary>503s of the whole run.</summary>
    public int Refused { get; set; }

    /// <summary>503s of the whole run to requests that <see cref="LoadPlan.IsHealthy"/> includes.</summary>
    public int RefusedHealthy { get; set; }

    /// <summary>Requests that were not answered when the run was over.</summary>
    public int Unanswered { get; set; }

    /// <summary>Requests that were sent.</summary>
    public int Sent { get; set; }

    /// <summary>To the answer, whichever it was.</summary>
    public LongHistogram Answer
    {
        get
        {
            var both = New();
            both.Add(Accept);
            both.Add(Refuse);
            return both;
        }
    }

    public static double Millis(LongHistogram histogram, double percentile) =>
        histogram.TotalCount == 0 ? 0 : histogram.GetValueAtPercentile(percentile) / 1_000.0;

    public static void Record(LongHistogram histogram, long nanoseconds) =>
        histogram.RecordValue(Math.Clamp(nanoseconds / 1_000, 1, LongestMicroseconds));

    private static LongHistogram New() => new(LongestMicroseconds, numberOfSignificantValueDigits: 3);
}
