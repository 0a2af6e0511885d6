using System.Globalization;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal;

/// <summary>How old a journal's rows are, though they carry times of a wall clock that may have been set.</summary>
/// <remarks>
/// It keeps the time that has elapsed while the journal was in use, by the monotonic clock, and a list of segments:
/// from when on the wall clock was how far from it. A new segment begins where that distance changes by more than a
/// second, which is a step, or drift that came together. The journal keeps the list (<see cref="Save"/>), so that the
/// next process knows it (<see cref="Resume"/>). Two measures of elapsed time, which differ by the time between two
/// processes alone: the sure one counts only what a witness vouches for, and decides what is deleted; the likely one
/// believes the wall clock where nobody speaks against it, and decides what is too late to be called back. Safe to
/// share between threads.
/// </remarks>
internal sealed class JournalClock
{
    /// <summary>How often the journal keeps it.</summary>
    public static readonly TimeSpan SaveEvery = TimeSpan.FromMinutes(1);

    private const string Format = "1";
    private const long Tolerance = TimeSpan.TicksPerSecond;
    private const int SegmentsMax = 64;
    private const int ReadsMax = 5;
    private static readonly TimeSpan AtOnce = TimeSpan.FromMilliseconds(10);

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly long _startedAt;
    private readonly long _remembered;
    private readonly List<Segment> _segments = [];

    // elapsed before this process; less what of this process had elapsed when it was told
    private (long Sure, long Likely) _before;
    private long _offset; // of the last segment, for a look without the lock
    private long? _low; // of the readings with which segments began
    private string? _saved;
    private long _savedAt;

    /// <param name="remembered">The longest span that anybody will ask about.</param>
    public JournalClock(TimeProvider time, TimeSpan remembered)
    {
        (_time, _remembered) = (time, remembered.Ticks);
        _startedAt = time.GetTimestamp();
        lock (_gate)
            Begin(Read());
    }

    /// <summary>
    /// The time at which idempotency keys are looked at that were kept with the end of theirs: what is over by then has
    /// been kept for long enough.
    /// </summary>
    public DateTimeOffset NowForClaims => Horizon(IdempotencyClaim.Retention) + IdempotencyClaim.Retention;

    /// <summary>Remembers for as long as <paramref name="settings"/> and idempotency keys need.</summary>
    public static JournalClock For(JournalSettings settings, TimeProvider time) =>
        new(time, settings.Retention > IdempotencyClaim.Retention ? settings.Retention : IdempotencyClaim.Retention);

    /// <summary>
    /// Looks whether the wall clock was set. Called whenever a time is about to be kept, so that no step between two
    /// kept times is missed.
    /// </summary>
    public void Observe()
    {
        var now = Read();
        if (Math.Abs(now.Wall - now.Elapsed - Volatile.Read(ref _offset)) <= Tolerance)
            return;
        lock (_gate)
            Observe(Read());
    }

    /// <summary>Takes in what the wall clock of another node reads that keeps times in the same journal.</summary>
    public void Observe(DateTimeOffset other)
    {
        lock (_gate)
        {
            var now = Observe(Read());
            if (other.UtcTicks >= now.Wall - Tolerance)
                return;
            Begin(now with { Wall = other.UtcTicks });
            Begin(now);
        }
    }

    /// <summary>
    /// The latest wall clock reading such that whatever was kept up to it was kept <paramref name="span"/> ago or
    /// earlier.
    /// </summary>
    /// <remarks>
    /// It is the lowest that the wall clock has read since then: what was kept since is not below it. With a clock that
    /// was never set, now less the span.
    /// </remarks>
    public DateTimeOffset Horizon(TimeSpan span)
    {
        lock (_gate)
        {
            var now = Observe(Read());
            var from = Sure(now) - span.Ticks;
            if (from < _segments[0].Sure)
                return DateTimeOffset.MinValue; // what was before is not known, so nothing is old
            var horizon = now.Wall - span.Ticks;
            for (var i = _segments.Count - 1; i >= 0 && End(i, now) >= from; i--)
            {
                // A segment begins a moment after the clock was set: when somebody looked, with a time in hand that was
                // read just before.
                var segment = _segments[i];
                horizon = Math.Min(
                    horizon,
                    segment.Sure > from ? segment.Wall - Tolerance : segment.Wall + from - segment.Sure
                );
            }

            return horizon <= 0 ? DateTimeOffset.MinValue : StoredNames.Time(horizon);
        }
    }

    /// <summary>
    /// What the wall clock would read now, had it gone on as it went when it read <paramref name="then"/>; the
    /// difference is the age of what was kept then.
    /// </summary>
    /// <remarks>
    /// Where more than one answer fits, the one that makes it youngest; never before <paramref name="then"/>.
    /// </remarks>
    public DateTimeOffset NowFor(DateTimeOffset then)
    {
        lock (_gate)
        {
            var now = Observe(Read());
            var youngest = long.MaxValue;
            for (var i = _segments.Count - 1; i >= 0; i--)
            {
                var segment = _segments[i];
                var reads = segment.Wall + Likely(now) - segment.Likely;
                var isWithin =
                    then.UtcTicks >= segment.Wall - Tolerance
                    && then.UtcTicks <= segment.Wall + End(i, now) - segment.Sure + Tolerance;
                if (isWithin && reads >= then.UtcTicks)
                    return StoredNames.Time(reads);
                if (reads >= then.UtcTicks)
                    youngest = Math.Min(youngest, reads);
            }

            return youngest == long.MaxValue ? then : StoredNames.Time(youngest);
        }
    }

    /// <summary>Goes on from what an earlier process, or this one, has saved.</summary>
    /// <param name="saved">Null when the journal holds nothing yet: nothing is known about the age of the rows that it
    /// has.</param>
    /// <param name="witness">Of the time between then and now; null without one.</param>
    public void Resume(string? saved, ClockWitness? witness)
    {
        lock (_gate)
        {
            if (
                saved is null
                || string.Equals(saved, _saved, StringComparison.Ordinal)
                || Parse(saved) is not ({ } mark, var segments)
            )
                return; // nobody else had it in between
            var now = Read();
            var wallGap = now.Wall - mark.Wall;
            var (sureGap, likelyGap) = (0L, Math.Max(0, wallGap));
            if (
                witness is { } told
                && mark.Witness is { } then
                && string.Equals(told.Id, then.Id, StringComparison.Ordinal)
                && told.Ticks >= then.Ticks
            )
            {
                // Of two clocks that can be set the shorter answer counts; one that cannot be set needs no second.
                var gap = told.Ticks - then.Ticks;
                sureGap = told.IsSteady ? gap : Math.Min(gap, likelyGap);
                likelyGap = told.IsSteady || wallGap < 0 ? gap : Math.Min(gap, likelyGap);
            }

            _before = (mark.Sure + sureGap - now.Elapsed, mark.Likely + likelyGap - now.Elapsed);
            _segments.Clear();
            _segments.AddRange(segments);
            (_saved, _offset) = (saved, OffsetOf(_segments[^1]));
            var (sureOffset, likelyOffset) = (now.Wall - Sure(now), now.Wall - Likely(now));
            var last = _segments[^1];
            if (
                Math.Abs(sureOffset - (last.Wall - last.Sure)) > Tolerance
                || Math.Abs(likelyOffset - (last.Wall - last.Likely)) > Tolerance
            )
                Begin(now);
        }
    }

    /// <summary>
    /// The lowest that the wall clock read when it was first read, or after it was set, since this was asked last; null
    /// when it was not set since.
    /// </summary>
    public DateTimeOffset? TakeLow()
    {
        lock (_gate)
        {
            var low = _low;
            _low = null;
            return low is { } ticks ? StoredNames.Time(ticks) : null;
        }
    }

    /// <summary>What the journal is to keep now; null when what it has will do.</summary>
    /// <param name="witness">Read only when there is something to keep.</param>
    public string? Save(Func<ClockWitness?> witness)
    {
        lock (_gate)
        {
            var now = Observe(Read());
            if (_saved is not null && now.Elapsed - _savedAt < SaveEvery.Ticks)
                return null;
            var segments = string.Join(
                ' ',
                _segments.Select(segment => $"{segment.Sure}:{segment.Likely}:{segment.Wall}")
            );
            var text = string.Create(
                CultureInfo.InvariantCulture,
                $"{Format} {Sure(now)} {Likely(now)} {now.Wall} {witness()?.ToString() ?? "-"} {segments}"
            );
            (_saved, _savedAt) = (text, now.Elapsed);
            return text;
        }
    }

    private long Sure(Moment now) => _before.Sure + now.Elapsed;

    private long Likely(Moment now) => _before.Likely + now.Elapsed;

    private long End(int segment, Moment now) =>
        segment + 1 < _segments.Count ? _segments[segment + 1].Sure : Sure(now);

    private long OffsetOf(Segment segment) => segment.Wall - segment.Sure + _before.Sure;

    private Moment Observe(Moment now)
    {
        if (Math.Abs(now.Wall - now.Elapsed - _offset) > Tolerance)
            Begin(now);
        return now;
    }

    private void Begin(Moment now)
    {
        _segments.Add(new(Sure(now), Likely(now), now.Wall));
        Volatile.Write(ref _offset, OffsetOf(_segments[^1]));
        _low = Math.Min(_low ?? long.MaxValue, now.Wall);
        _savedAt = long.MinValue / 2; // to be kept with the next write
        while (_segments.Count > 1 && _segments[1].Sure < Sure(now) - _remembered)
            _segments.RemoveAt(0);
        if (_segments.Count <= SegmentsMax)
            return;

        // The lower of two readings stands for both: what was kept then is taken for younger than it is, never for
        // older.
        var (first, second) = (_segments[0], _segments[1]);
        var lead = Math.Min(first.Wall - first.Sure, second.Wall - second.Sure);
        _segments[0] = new(first.Sure, second.Likely - second.Sure + first.Sure, first.Sure + lead);
        _segments.RemoveAt(1);
    }

    /// <summary>
    /// Both clocks at one moment: a thread that had to wait between the two would see a step that is none.
    /// </summary>
    private Moment Read()
    {
        for (var read = 1; ; read++)
        {
            var before = _time.GetTimestamp();
            var wall = _time.GetUtcNow().UtcTicks;
            if (_time.GetElapsedTime(before) <= AtOnce || read == ReadsMax)
                return new(_time.GetElapsedTime(_startedAt, before).Ticks, wall);
        }
    }

    private static (Mark Mark, List<Segment> Segments)? Parse(string saved)
    {
        var parts = saved.Split(' ');
        if (parts.Length < 6 || !string.Equals(parts[0], Format, StringComparison.Ordinal))
            return null;
        try
        {
            var segments = parts[5..]
                .Select(part => Numbers(part.Split(':')))
                .Select(values => new Segment(values[0], values[1], values[2]))
                .ToList();
            var mark = Numbers(parts[1..4]);
            return (new(mark[0], mark[1], mark[2], ClockWitness.Parse(parts[4])), segments);
        }
        catch (Exception e) when (e is FormatException or OverflowException or IndexOutOfRangeException)
        {
            return null; // by another hand: then nothing is known, and nothing is old
        }

        static long[] Numbers(string[] texts) =>
            [.. texts.Select(text => long.Parse(text, CultureInfo.InvariantCulture))];
    }

    /// <param name="Elapsed">Since this process has the journal.</param>
    private readonly record struct Moment(long Elapsed, long Wall);

    /// <summary>Where the wall clock began to be as far from the elapsed time as it then was.</summary>
    private readonly record struct Segment(long Sure, long Likely, long Wall);

    private sealed record Mark(long Sure, long Likely, long Wall, ClockWitness? Witness);
}
