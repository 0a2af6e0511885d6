using System.Globalization;

namespace AkkaCharging.Bench.Reporting;

/// <summary>Values of one thing, one for each round.</summary>
/// <param name="Unit">Of each value.</param>
internal sealed record Series(string Name, string Unit, IReadOnlyList<double> Values)
{
    public double Median => Statistics.Median(Values);

    public double Min => Values.Min();

    public double Max => Values.Max();

    public override string ToString() =>
        Values.Count == 1 ? Text(Median) : $"{Text(Median)} ({Text(Min)} to {Text(Max)})";

    private static string Text(double value) =>
        Math.Abs(value) switch
        {
            >= 1_000 => value.ToString("N0", CultureInfo.InvariantCulture),
            >= 10 => value.ToString("N1", CultureInfo.InvariantCulture),
            _ => value.ToString("N2", CultureInfo.InvariantCulture),
        };
}

/// <summary>A row of the report.</summary>
/// <param name="Goal">In words; null for a figure without one.</param>
/// <param name="IsMet">Null without a goal, or when this profile is too short to say.</param>
/// <param name="Judged">The figure that the goal speaks of.</param>
/// <param name="Others">What stands behind it.</param>
/// <param name="How">How it was measured.</param>
internal sealed record Figure(
    string Key,
    string Title,
    string? Goal,
    bool? IsMet,
    Series Judged,
    IReadOnlyList<Series> Others,
    string How
);

internal static class Statistics
{
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count % 2 == 1
            ? sorted[sorted.Count / 2]
            : (sorted[(sorted.Count / 2) - 1] + sorted[sorted.Count / 2]) / 2;
    }
}
