using AkkaCharging.Journal;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

/// <summary>The list of a <see cref="JournalClock"/>, in the form in which the journal stores it.</summary>
/// <param name="Mark">When the list was saved.</param>
/// <param name="Segments">Where the segments begin.</param>
/// <param name="Witness">Its reading when the list was saved; a dash for none.</param>
internal sealed record StoredClock(ClockPoint Mark, IEnumerable<ClockPoint> Segments, string Witness = "-")
{
    /// <summary>Reads the list that <paramref name="clock"/> has to store now.</summary>
    public static StoredClock Of(JournalClock clock)
    {
        var parts = clock.Save(() => null)!.Split(' ');
        return new(
            ClockPoint.Parse(parts[1..4]),
            [.. parts[5..].Select(part => ClockPoint.Parse(part.Split(':')))],
            parts[4]
        );
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"1 {Mark.ToText(' ')} {Witness} {string.Join(' ', Segments.Select(segment => segment.ToText(':')))}";
}

/// <summary>A moment by both measures of elapsed time and by the wall clock.</summary>
/// <param name="Wall">Reading of the wall clock, since <see cref="Sample.Now"/>.</param>
internal readonly record struct ClockPoint(TimeSpan Sure, TimeSpan Likely, TimeSpan Wall)
{
    /// <summary>A moment of the first process, for which both measures are the same.</summary>
    public ClockPoint(TimeSpan elapsed, TimeSpan wall)
        : this(elapsed, elapsed, wall) { }

    public static ClockPoint Parse(string[] ticks) =>
        new(
            TimeSpan.FromTicks(long.Parse(ticks[0])),
            TimeSpan.FromTicks(long.Parse(ticks[1])),
            TimeSpan.FromTicks(long.Parse(ticks[2]) - Sample.Now.UtcTicks)
        );

    public string ToText(char separator) =>
        $"{Sure.Ticks}{separator}{Likely.Ticks}{separator}{(Sample.Now + Wall).UtcTicks}";
}
