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

    private static string ReadText(string name)
    {
        using var text = new StreamReader(Assembly.GetManifestResourceStream(name)!);
        return text.ReadToEnd();
    }
}
