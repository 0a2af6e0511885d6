using System.Reflection;

namespace AkkaCharging.Journal;

/// <summary>
/// Reads the steps of a database's tables from <c>Schema/&lt;database&gt;/001.sql</c> and so on: step n leads from
/// version n - 1 to n. Steps are only ever added, never changed.
/// </summary>
internal static class SchemaSteps
{
    private static readonly Assembly Assembly = typeof(SchemaSteps).Assembly;

    /// <summary>Reads all steps in order.</summary>
    /// <param name="database">Name of the database's folder.</param>
    public static string[] Read(string database) =>
        [
            .. Assembly
                .GetManifestResourceNames()
                .Where(name => name.StartsWith($"Schema.{database}.", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)
                .Select(ReadText),
        ];

    /// <summary>Says that a journal has the tables of an older version; null when they are of this one.</summary>
    /// <param name="journal">The journal, at the start of a sentence.</param>
    /// <param name="newest">The version that this build reads and writes.</param>
    public static string? DescribeOlder(string journal, long version, int newest) =>
        version >= newest
            ? null
            : $"{journal} has schema version {version}; this version of the service expects {newest}. A start of the "
                + "service upgrades it. Back it up before, because earlier versions cannot read it afterwards.";

    private static string ReadText(string name)
    {
        using var text = new StreamReader(Assembly.GetManifestResourceStream(name)!);
        return text.ReadToEnd();
    }
}
