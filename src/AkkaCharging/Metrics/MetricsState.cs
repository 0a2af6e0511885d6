using AkkaCharging.Requests;
using HdrHistogram;

namespace AkkaCharging.Metrics;

/// <summary>
/// The counters of the metrics actor. Not thread-safe. Every key of every counter comes from a fixed list, so their
/// number is bounded.
/// </summary>
internal sealed class MetricsState(TimeSpan window, TimeProvider time, MetricsHistograms histograms)
{
    private static readonly AuthorizationStatus[] Statuses = Enum.GetValues<AuthorizationStatus>();
    private static readonly DecisionReason[] Reasons = Enum.GetValues<DecisionReason>();

    private readonly long[] _requests = new long[Enum.GetValues<AnswerStatus>().Length];
    private readonly long[] _decisions = new long[Statuses.Length * Reasons.Length];
    private readonly long[] _attempts = new long[Enum.GetValues<CallbackOutcome>().Length];
    private readonly long[] _attemptFailures = new long[Enum.GetValues<AttemptCause>().Length];
    private readonly long[] _settled = new long[Enum.GetValues<RequestState>().Length];
    private readonly long[] _breakerTransitions = new long[Enum.GetValues<BreakerState>().Length];
    private long _receiverBreakersOpened;
    private long _receiverBreakersClosed;
    private readonly SlidingWindow _window = new(window, time);

    /// <summary>The last hour, minute by minute.</summary>
    public LastHour Hour { get; } = new(time);

    public void Apply(MetricsEvent happened)
    {
        histograms.Apply(happened);
        Hour.Apply(happened);
        switch (happened)
        {
            case SubmissionAnswered answered:
                _requests[(int)answered.Outcome]++;
                break;
            case DecisionMade decision:
                _decisions[((int)decision.Status * Reasons.Length) + (int)decision.Reason]++;
                _window.Current.Record(decision);
                break;
            case CallbackAttempted attempt:
                _attempts[(int)attempt.Outcome]++;
                if (attempt.Cause is { } cause)
                    _attemptFailures[(int)cause]++;
                if (!attempt.IsRedriven)
                    _window.Current.Record(attempt);
                break;
            case RequestSettled settled:
                _settled[(int)settled.State]++;
                break;
            case BreakerMoved moved:
                _breakerTransitions[(int)moved.State]++;
                break;
            case ReceiverBreakerMoved { State: BreakerState.Closed }:
                _receiverBreakersClosed++;
                break;
            case ReceiverBreakerMoved:
                _receiverBreakersOpened++;
                break;
        }
    }

    public MetricsSnapshot ToSnapshot()
    {
        var slices = _window.Slices();
        var durations = Slice.NewHistogram();
        foreach (var slice in slices)
            durations.Add(slice.Durations);
        DecisionCount[] decisions =
        [
            .. _decisions.Select(
                (count, kind) =>
                    new DecisionCount(Statuses[kind / Reasons.Length], Reasons[kind % Reasons.Length], count)
            ),
        ];
        var requests = Named(_requests, index => ((AnswerStatus)index).Name()).Where(count => count.Value > 0);
        return new(
            Requests: new SortedDictionary<string, long>(requests.ToDictionary(), StringComparer.Ordinal),
            Decisions: Statuses.ToDictionary(
                status => status.Name(),
                status => decisions.Where(kind => kind.Status == status).Sum(kind => kind.Count),
                StringComparer.Ordinal
            ),
            Reasons: Reasons.ToDictionary(
                reason => reason.Name(),
                reason => decisions.Where(kind => kind.Reason == reason).Sum(kind => kind.Count),
                StringComparer.Ordinal
            ),
            DecisionsByReason: decisions,
            Attempts: Named(_attempts, index => ((CallbackOutcome)index).Name()),
            AttemptFailures: Named(_attemptFailures, index => ((AttemptCause)index).Name()),
            Settled: Named(_settled[(int)RequestState.Delivered..], index => (index + RequestState.Delivered).Name()),
            BreakerTransitions: Named(_breakerTransitions, index => ((BreakerState)index).Name()),
            ReceiverBreakerTransitions: new Dictionary<string, long>(StringComparer.Ordinal)
            {
                [BreakerState.Closed.Name()] = _receiverBreakersClosed,
                [BreakerState.Open.Name()] = _receiverBreakersOpened,
            },
            Authorization: new RateWindow(slices.Sum(slice => slice.Decisions), slices.Sum(slice => slice.Unknown)),
            Callbacks: new RateWindow(slices.Sum(slice => slice.Attempts), slices.Sum(slice => slice.FailedAttempts)),
            AuthorizationTimeAverageMillis: durations.TotalCount == 0 ? 0 : durations.GetMean() / Slice.MicrosPerMilli,
            AuthorizationTimeP95Millis: durations.TotalCount == 0
                ? 0
                : durations.GetValueAtPercentile(95) / Slice.MicrosPerMilli
        );
    }

    private static Dictionary<string, long> Named(long[] counts, Func<int, string> name) =>
        counts.Index().ToDictionary(count => name(count.Index), count => count.Item, StringComparer.Ordinal);

    /// <summary>A sliding window of slices; a new slice replaces the oldest.</summary>
    private sealed class SlidingWindow(TimeSpan window, TimeProvider time)
    {
        private const int SliceCount = 12;
        private readonly Queue<(long Number, Slice Slice)> _slices = new(SliceCount + 1);
        private readonly double _sliceTicks = window.TotalSeconds * time.TimestampFrequency / SliceCount;
        private (long Number, Slice Slice) _current = (-1, new Slice());

        public Slice Current
        {
            get
            {
                var number = (long)(time.GetTimestamp() / _sliceTicks);
                if (number != _current.Number)
                {
                    _current = (number, new Slice());
                    _slices.Enqueue(_current);
                }

                while (_slices.Peek().Number <= number - SliceCount)
                    _slices.Dequeue();
                return _current.Slice;
            }
        }

        public IReadOnlyList<Slice> Slices()
        {
            _ = Current;
            return [.. _slices.Select(slice => slice.Slice)];
        }
    }

    private sealed class Slice
    {
        public const double MicrosPerMilli = 1000;
        private const long LongestMicros = 3_600_000_000;

        public LongHistogram Durations { get; } = NewHistogram();

        public long Decisions { get; private set; }

        public long Unknown { get; private set; }

        public long Attempts { get; private set; }

        public long FailedAttempts { get; private set; }

        public static LongHistogram NewHistogram() => new(LongestMicros, numberOfSignificantValueDigits: 2);

        public void Record(DecisionMade decision)
        {
            Decisions++;
            if (decision.Status == AuthorizationStatus.Unknown)
                Unknown++;
            Durations.RecordValue(Math.Clamp((long)decision.Duration.TotalMicroseconds, 1, LongestMicros));
        }

        public void Record(CallbackAttempted attempt)
        {
            Attempts++;
            if (attempt.Outcome != CallbackOutcome.Success)
                FailedAttempts++;
        }
    }
}
