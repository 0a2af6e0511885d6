namespace AkkaCharging.Settings;

/// <summary>Collects the problems and origins found while the settings are read.</summary>
internal sealed class SettingsReport
{
    private readonly HashSet<string> _failed = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _sources = new(StringComparer.Ordinal);

    /// <summary>The problems that prevent a start.</summary>
    public List<string> Problems { get; } = [];

    /// <summary>All settings that were read.</summary>
    public List<EffectiveSetting> Effective { get; } = [];

    /// <summary>The files that contain a single secret.</summary>
    public List<SecretFile> SecretFiles { get; } = [];

    /// <summary>Checks whether a setting of this path exists.</summary>
    public bool Knows(string path) => _sources.ContainsKey(path);

    /// <summary>All paths that were read, of settings and of list entries.</summary>
    public IReadOnlyCollection<string> Paths => _sources.Keys;

    /// <summary>Records a setting's effective value.</summary>
    public void Found(string path, string shown, string source)
    {
        _sources[path] = source;
        Effective.Add(new EffectiveSetting(path, shown, source));
    }

    /// <summary>Records that a setting cannot be used.</summary>
    public void Refuse(string path, string source, string reason)
    {
        _failed.Add(path.Split('[')[0]);
        Problems.Add($"{source}: {path} {reason}");
    }

    /// <summary>
    /// Records a problem unless a rule across settings holds; skipped when one of the settings is invalid anyway.
    /// </summary>
    /// <param name="message">What is wrong and what is allowed.</param>
    /// <param name="paths">The settings that the rule is about.</param>
    public void Require(bool holds, string message, params IReadOnlyList<string> paths)
    {
        if (holds || paths.Any(_failed.Contains))
        {
            return;
        }

        var said = paths
            .Select(path => _sources[path])
            .Where(source => !SettingsLoader.IsReference(source))
            .Distinct(StringComparer.Ordinal);
        Problems.Add($"{string.Join(", ", said.DefaultIfEmpty("defaults"))}: {message}");
    }
}
