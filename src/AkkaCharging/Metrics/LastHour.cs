using AkkaCharging.Requests;
using HdrHistogram;

namespace AkkaCharging.Metrics;

/// <summary>What happened in one interval.</summary>
/// <param name="Length">How long the interval lasted: a minute, or less for the one that is not over.</param>
/// <param name="Rejected">Number of submissions that were rejected, for whatever reason.</param>
/// <param name="Pending">Number of pending requests at its end.</param>
/// <param name="Accept">How long it took to accept a submission; null without one.</param>
/// <param name="EndToEnd">Time from acceptance to settlement, without redriven requests; null without one.</param>
internal sealed record HistoryPoint(
    DateTimeOffset EndedAt,
    TimeSpan Length,
    long Accepted,
    long Rejected,
    long Delivered,
    long Failed,
    long Expired,
    long Pending,
    Percentiles? Accept,
    Percentiles? EndToEnd
);

/// <summary>The median and the 99th percentile of durations, in milliseconds.</summary>
internal sealed record Percentiles(double P50, double P99);

/// <summary>Keeps the last hour as points of a minute, for the operators' console. Not thread-safe.</summary>
/// <remarks>Bounded: 60 points, and for the running minute five counters and two histograms of about 30 KB.</remarks>
internal sealed class LastHour(TimeProvider time)
{
    /// <summary>Number of points that are kept.</summary>
    public const int PointsMax = 60;

    /// <summary>How far apart points are.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private const long LongestMicros = 3_600_000_000;
    private readonly Queue<HistoryPoint> _points = new(PointsMax);
    private readonly LongHistogram _accept = new(LongestMicros, numberOfSignificantValueDigits: 2);
    private readonly LongHistogram _endToEnd = new(LongestMicros, numberOfSignificantValueDigits: 2);
    private readonly long[] _settled = new long[Enum.GetValues<RequestState>().Length];
    private long _rejected;
    private long _startedAt = time.GetTimestamp();

    public void Apply(MetricsEvent happened)
    {
        switch (happened)
        {
            case SubmissionAnswered { Outcome: AnswerStatus.Accepted } accepted:
                Record(_accept, accepted.Duration);
                break;
            case SubmissionAnswered { Outcome: not AnswerStatus.Replayed }:
                _rejected++;
                break;
            case RequestSettled settled:
                _settled[(int)settled.State]++;
                if (!settled.IsRedriven)
                    Record(_endToEnd, settled.EndToEnd);
                break;
            case MinuteEnded ended:
                End(ended.Pending);
                break;
        }
    }

    /// <summary>The points, oldest first; the last is the interval that is not over.</summary>
    public IReadOnlyList<HistoryPoint> Points(long pending) => [.. _points, Running(pending)];

    private void End(long pending)
    {
        if (_points.Count == PointsMax)
            _points.Dequeue();
        _points.Enqueue(Running(pending));
        _accept.Reset();
        _endToEnd.Reset();
        Array.Clear(_settled);
        _rejected = 0;
        _startedAt = time.GetTimestamp();
    }

    private HistoryPoint Running(long pending) =>
        new(
            EndedAt: time.GetUtcNow(),
            Length: time.GetElapsedTime(_startedAt),
            Accepted: _accept.TotalCount,
            Rejected: _rejected,
            Delivered: _settled[(int)RequestState.Delivered],
            Failed: _settled[(int)RequestState.Failed],
            Expired: _settled[(int)RequestState.Expired],
            Pending: pending,
            Accept: Of(_accept),
            EndToEnd: Of(_endToEnd)
        );

    private static void Record(LongHistogram histogram, TimeSpan duration) =>
        histogram.RecordValue(Math.Clamp((long)duration.TotalMicroseconds, 1, LongestMicros));

    private static Percentiles? Of(LongHistogram histogram) =>
        histogram.TotalCount == 0
            ? null
            : new(histogram.GetValueAtPercentile(50) / 1_000d, histogram.GetValueAtPercentile(99) / 1_000d);
}
