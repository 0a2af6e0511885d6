using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>Finds keys that are not settings: a misspelt key would otherwise be ignored silently.</summary>
internal static class UnknownKeys
{
    // A file that is not a settings file must be rejected within seconds.
    private const int LongestCompared = 100;
    internal const int MostCompared = 100;

    // A key without its unit is a usual mistake.
    private const string Unit = "Millis";

    /// <summary>Reports the topmost unknown keys below a block, each with the most similar known key.</summary>
    public static void Report(ConfigBlock block, string path, SettingsReport report)
    {
        foreach (var (key, node) in block.Entries)
        {
            var here = ConfigBlock.Join(path, key);
            if (report.Knows(here) || here is SettingsLoader.AkkaBlock)
            {
                continue;
            }

            if (
                node is ConfigBlock below
                && report.Paths.Any(known => known.StartsWith($"{here}.", StringComparison.Ordinal))
            )
            {
                Report(below, here, report);
                continue;
            }

            var similar =
                report.Problems.Count < MostCompared ? MostAlike(here, report.Paths.SelectMany(WithBlocks)) : null;
            report.Problems.Add(
                $"{node.Source}: {ConfigBlock.Show(path, key)} is not a setting"
                    + (similar is null ? "." : $"; did you mean {similar}?")
            );
        }
    }

    /// <summary>Returns the known name most similar to <paramref name="path"/>; null when none is similar.</summary>
    internal static string? MostAlike(string path, IEnumerable<string> known)
    {
        string? best = null;
        var closest = DistanceMax(path) + 1;
        foreach (var candidate in Comparable(path, known))
        {
            var distance = Math.Min(Distance(path, candidate), 1 + Distance(path + Unit, candidate));
            if (distance < closest)
            {
                (best, closest) = (candidate, distance);
            }
        }

        return best;
    }

    /// <summary>
    /// Returns the names that may be similar to <paramref name="path"/>. Those of another length are not: the
    /// difference is a lower bound of the distance, and costs nothing.
    /// </summary>
    internal static IEnumerable<string> Comparable(string path, IEnumerable<string> known) =>
        path.Length > LongestCompared
            ? []
            : known
                .Distinct(StringComparer.Ordinal)
                .Where(candidate =>
                    Math.Min(
                        Math.Abs(path.Length - candidate.Length),
                        1 + Math.Abs(path.Length + Unit.Length - candidate.Length)
                    ) <= DistanceMax(path)
                );

    private static int DistanceMax(string path) => Math.Max(2, path.Length / 4);

    private static IEnumerable<string> WithBlocks(string path)
    {
        for (var end = path.Length; end > 0; end = path.LastIndexOf('.', end - 1))
        {
            yield return path[..end];
        }
    }

    /// <summary>Returns the Levenshtein distance, ignoring case.</summary>
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 0; i < a.Length; i++)
        {
            var diagonal = row[0]++;
            for (var j = 0; j < b.Length; j++)
            {
                var substituted = diagonal + (char.ToUpperInvariant(a[i]) == char.ToUpperInvariant(b[j]) ? 0 : 1);
                diagonal = row[j + 1];
                row[j + 1] = Math.Min(substituted, 1 + Math.Min(diagonal, row[j]));
            }
        }

        return row[^1];
    }
}
