using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>Loads the settings from files and environment variables.</summary>
/// <remarks>
/// Layers, each overriding the one before: <c>reference.conf</c> (embedded), <c>hocon/development.conf</c> in
/// development, <c>hocon/application.conf</c> or the file given instead, environment variables.
/// </remarks>
internal static class SettingsLoader
{
    internal const string Reference = "reference.conf";
    internal const string AkkaBlock = "akka";

    /// <summary>The settings of <c>reference.conf</c>, not checked by the rules across settings.</summary>
    public static ChargingSettings Defaults { get; } = Settled(ReadReference(), new SettingsReport(), rules: false);

    /// <summary>Reads all layers.</summary>
    /// <exception cref="InvalidSettingsException">The settings have problems, all of which are listed.</exception>
    public static ChargingSettings Load(SettingsSources sources)
    {
        var root = ReadReference();
        var paths = SettingsEnvironment.PathsOf(root);
        var report = new SettingsReport();
        foreach (var (name, file) in Files(sources, report.Problems))
        {
            Lay(root, name, file, report.Problems);
        }

        SettingsEnvironment.Overlay(root, paths, sources.Environment, report.Problems);
        SecretFile.Overlay(root, sources.Environment, report);
        SettingsEnvironment.ReportUnknown(paths, sources.Environment, report.Problems);
        return Settled(root, report, rules: true);
    }

    /// <summary>Returns the paths of the files that <see cref="Load"/> reads.</summary>
    internal static IReadOnlyList<string> FilesOf(SettingsSources sources) =>
        [.. Files(sources, problems: []).Select(found => Path.Combine(sources.WorkingDirectory, found.File))];

    /// <summary>Checks whether a value is one of the embedded file.</summary>
    internal static bool IsReference(string source) => source.StartsWith($"{Reference}:", StringComparison.Ordinal);

    /// <summary>Reads the embedded file, which all other layers override.</summary>
    internal static ConfigBlock ReadReference()
    {
        using var stream = typeof(SettingsLoader).Assembly.GetManifestResourceStream(Reference)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        var problems = new List<string>();
        var root = HoconParser.ParseFile(Reference, bytes, problems);
        return problems.Count == 0 ? root! : throw new InvalidSettingsException(problems);
    }

    private static ChargingSettings Settled(ConfigBlock root, SettingsReport report, bool rules)
    {
        var settings = ChargingSettings.Read(new HoconSection(root, path: "", report), AkkaConfig.From(root)) with
        {
            Effective = report.Effective,
            SecretFiles = report.SecretFiles,
            Warnings = AkkaKeys.Unknown(root),
        };
        UnknownKeys.Report(root, path: "", report);
        if (rules)
        {
            SettingsRules.Check(settings, report);
        }

        return report.Problems.Count == 0 ? settings : throw new InvalidSettingsException(report.Problems);
    }

    private static IEnumerable<(string Name, string File)> Files(SettingsSources sources, List<string> problems)
    {
        if (sources.Development && Find(sources, "hocon/development.conf") is { } development)
        {
            yield return development;
        }

        if (sources.ConfigFile is null)
        {
            if (Find(sources, "hocon/application.conf") is { } application)
            {
                yield return application;
            }
        }
        else if (Path.Combine(sources.WorkingDirectory, sources.ConfigFile) is var file && File.Exists(file))
        {
            yield return (sources.ConfigFile, file);
        }
        else
        {
            problems.Add(
                $"{ShownValue.OfFile(sources.ConfigFile)}: there is no such file, although --config names it."
            );
        }
    }

    private static (string Name, string File)? Find(SettingsSources sources, string name)
    {
        var (own, shipped) = (Path.Combine(sources.WorkingDirectory, name), Path.Combine(sources.BaseDirectory, name));
        return File.Exists(own) ? (name, own)
            : File.Exists(shipped) ? (shipped, shipped)
            : null;
    }

    private static void Lay(ConfigBlock root, string name, string file, List<string> problems)
    {
        try
        {
            if (HoconParser.ParseFile(name, File.ReadAllBytes(file), problems) is { } layer)
            {
                SettingsEnvironment.ResolveAliases(layer, problems);
                root.Overlay(layer, problems);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add($"{name}: the file cannot be read: {e.Message}");
        }
    }
}
