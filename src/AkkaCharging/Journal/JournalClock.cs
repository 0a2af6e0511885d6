using System.Globalization;
using AkkaCharging.Settings;
using AkkaCharging.Timing;

namespace AkkaCharging.Journal;

/// <summary>
/// Determines the age of a journal's rows, whose wall-clock times may be wrong because the clock was set.
/// </summary>
/// <remarks>
/// The clock measures the time elapsed while the journal was in use with the monotonic clock, and keeps a list of
/// segments, each of which states how far the wall clock was from the elapsed time, and since when. A new segment
/// begins when that distance changes by more than a second, through a step or accumulated drift. The journal stores the
/// list (<see cref="Save"/>) for the next process (<see cref="Resume"/>). There are two measures of elapsed time, which
/// differ only in the time between two processes. The sure one counts only what a witness confirms, and decides what is
/// deleted; the likely one trusts the wall clock unless something contradicts it, and decides what is too late for a
/// callback. Thread-safe.
/// </remarks>
internal sealed class JournalClock
{
    /// <summary>How often the journal stores the list.</summary>
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

    // The time that had elapsed before this process, minus the time of this process that had elapsed at the resume.
    private (long Sure, long Likely) _before;
    private long _offset; // of the last segment, for checks without the lock
    private long? _low; // lowest reading at the start of a segment
    private string? _saved; // what the journal holds
    private string? _offered; // what it holds as well, if the commit that nobody heard of was made
    private long _savedAt; // far in the past while there is something to store
    private long _offeredAt;
    private int _offeredSegments;
    private int _begun; // segments so far

    /// <param name="remembered">Maximum age that the clock has to determine.</param>
    public JournalClock(TimeProvider time, TimeSpan remembered)
    {
        (_time, _remembered) = (time, remembered.Ticks);
        _startedAt = time.GetTimestamp();
        lock (_gate)
            Begin(Read());
    }

    /// <summary>
    /// The time that the stored expiry of idempotency keys is compared with: a key that expired by then was kept for
    /// its whole retention time.
    /// </summary>
    public DateTimeOffset NowForClaims => Horizon(IdempotencyClaim.Retention) + IdempotencyClaim.Retention;

    /// <summary>
    /// Creates a clock that remembers as long as <paramref name="settings"/> and idempotency keys need.
    /// </summary>
    public static JournalClock For(JournalSettings settings, TimeProvider time) =>
        new(time, settings.Retention > IdempotencyClaim.Retention ? settings.Retention : IdempotencyClaim.Retention);

    /// <summary>
    /// Checks whether the wall clock was set. Called before each stored time, so that no step between two of them is
    /// missed.
    /// </summary>
    public void Observe()
    {
        var now = Read();
        if (Math.Abs(now.Wall - now.Elapsed - Volatile.Read(ref _offset)) <= Tolerance)
            return;
        lock (_gate)
            Observe(Read());
    }

    /// <summary>
    /// Takes the wall clock reading of another node into account, which stores times in the same journal.
    /// </summary>
    public void Observe(DateTimeOffset other)
    {
        lock (_gate)
        {
            var now = Observe(Read());
            if (other.UtcTicks >= now.Wall - Tolerance)
                return;
            // Not reported as this node's own: it would be read back, and hold the horizon again.
            var low = _low;
            Begin(now with { Wall = other.UtcTicks });
            Begin(now);
            _low = low;
        }
    }

    /// <summary>
    /// Returns the latest wall-clock time such that every row stored up to it is at least <paramref name="span"/> old.
    /// </summary>
    /// <remarks>
    /// That is the lowest reading of the wall clock since then: no later row has a lower time. For a clock that was
    /// never set, it is the current time less the span.
    /// </remarks>
    public DateTimeOffset Horizon(TimeSpan span)
    {
        lock (_gate)
        {
            var now = Observe(Read());
            var from = Sure(now) - span.Ticks;
            if (from < _segments[0].Sure)
                return DateTimeOffset.MinValue; // nothing is known about the time before, so no row is old
            var horizon = now.Wall - span.Ticks;
            for (var i = _segments.Count - 1; i >= 0 && End(i, now) >= from; i--)
            {
                // A segment begins a moment after the clock was set: at the first check, which used a time read just
                // before.
                var segment = _segments[i];
                horizon = Math.Min(
                    horizon,
                    segment.Sure > from ? segment.Wall - Tolerance : segment.Wall + from - segment.Sure
                );
            }

            return horizon <= 0 ? DateTimeOffset.MinValue : StoredNames.Time(horizon);
        }
    }

    /// <summary>Returns the timestamp of <see cref="TimeProvider.GetTimestamp"/> at which a row was stored.</summary>
    /// <param name="then">The time in the row, of the wall clock.</param>
    public long TimestampOf(DateTimeOffset then) => _time.After(_time.GetTimestamp(), then - NowFor(then));

    /// <summary>
    /// Returns what the wall clock would read now if it had not been set since it read <paramref name="then"/>; the
    /// difference is the age of a row stored then.
    /// </summary>
    /// <remarks>
    /// Of several possible results, the one with the lowest age; never before <paramref name="then"/>.
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

    /// <summary>Continues from the list that an earlier process, or this one, has stored.</summary>
    /// <param name="saved">The stored list; null when the journal has none yet, and the age of its rows is
    /// unknown.</param>
    /// <param name="witness">A witness of the time between then and now; null without one.</param>
    public void Resume(string? saved, ClockWitness? witness)
    {
        lock (_gate)
        {
            if (
                saved is null
                || string.Equals(saved, _saved, StringComparison.Ordinal)
                || string.Equals(saved, _offered, StringComparison.Ordinal)
                || Parse(saved) is not ({ } mark, var segments)
            )
                return; // no other process owned the journal in between
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
                // Of two clocks that can be set, the shorter answer counts; a clock that cannot be set is enough on its
                // own.
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
    /// Returns the lowest reading of the wall clock when it was first read or after it was set, since the previous
    /// call; null when there is none.
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

    /// <summary>Checks whether <see cref="Save"/> would return a list.</summary>
    public bool IsSaveDue()
    {
        lock (_gate)
            return IsDue(Observe(Read()));
    }

    /// <summary>
    /// Returns the list to store now; null when the stored one is still valid. Returned again until
    /// <see cref="Stored"/>.
    /// </summary>
    /// <param name="witness">Called only when there is a list to store.</param>
    public string? Save(Func<ClockWitness?> witness)
    {
        lock (_gate)
        {
            var now = Observe(Read());
            if (!IsDue(now))
                return null;
            var segments = string.Join(
                ' ',
                _segments.Select(segment => $"{segment.Sure}:{segment.Likely}:{segment.Wall}")
            );
            var text = string.Create(
                CultureInfo.InvariantCulture,
                $"{Format} {Sure(now)} {Likely(now)} {now.Wall} {witness()?.ToString() ?? "-"} {segments}"
            );
            (_offered, _offeredAt, _offeredSegments) = (text, now.Elapsed, _begun);
            return text;
        }
    }

    /// <summary>Marks the list that <see cref="Save"/> returned last as committed.</summary>
    public void Stored()
    {
        lock (_gate)
        {
            _saved = _offered;
            if (_offeredSegments == _begun)
                _savedAt = _offeredAt;
        }
    }

    private bool IsDue(Moment now) => now.Elapsed - _savedAt >= SaveEvery.Ticks;

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
        (_savedAt, _begun) = (long.MinValue / 2, _begun + 1); // to be stored with the next write
        while (_segments.Count > 1 && _segments[1].Sure < Sure(now) - _remembered)
            _segments.RemoveAt(0);
        if (_segments.Count <= SegmentsMax)
            return;

        // The lower of the two readings replaces both: rows stored then count as younger than they are, never as older.
        var (first, second) = (_segments[0], _segments[1]);
        var lead = Math.Min(first.Wall - first.Sure, second.Wall - second.Sure);
        _segments[0] = new(first.Sure, second.Likely - second.Sure + first.Sure, first.Sure + lead);
        _segments.RemoveAt(1);
    }

    /// <summary>
    /// Reads both clocks at the same moment: a thread paused between two reads would see a step that did not happen.
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
            return null; // written by something else: nothing is known, so no row is old
        }

        static long[] Numbers(string[] texts) =>
            [.. texts.Select(text => long.Parse(text, CultureInfo.InvariantCulture))];
    }

    /// <param name="Elapsed">Time since this process opened the journal.</param>
    private readonly record struct Moment(long Elapsed, long Wall);

    /// <summary>The start of a segment, during which the wall clock kept its distance from the elapsed time.</summary>
    private readonly record struct Segment(long Sure, long Likely, long Wall);

    private sealed record Mark(long Sure, long Likely, long Wall, ClockWitness? Witness);
}
