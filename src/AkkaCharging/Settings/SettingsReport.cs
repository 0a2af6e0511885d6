namespace AkkaCharging.Settings;

/// <summary>What one reading of the settings found out besides the settings.</summary>
internal sealed class SettingsReport
{
    private readonly HashSet<string> _failed = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _sources = new(StringComparer.Ordinal);

    /// <summary>All that stands against a start.</summary>
    public List<string> Problems { get; } = [];

    /// <summary>Every setting that was read.</summary>
    public List<EffectiveSetting> Effective { get; } = [];

    /// <summary>Files that hold a single secret.</summary>
    public List<SecretFile> SecretFiles { get; } = [];

    /// <summary>Whether a setting of this path exists.</summary>
    public bool Knows(string path) => _sources.ContainsKey(path);

    /// <summary>Every path that was read, of settings and of the entries in lists.</summary>
    public IReadOnlyCollection<string> Paths => _sources.Keys;

    /// <summary>Notes a setting's effective value.</summary>
    public void Found(string path, string shown, string source)
    {
        _sources[path] = source;
        Effective.Add(new EffectiveSetting(path, shown, source));
    }

    /// <summary>Notes that a setting cannot be used.</summary>
    public void Refuse(string path, string source, string reason)
    {
        _failed.Add(path.Split('[')[0]);
        Problems.Add($"{source}: {path} {reason}");
    }

    /// <summary>
    /// Notes a problem unless a rule across settings holds; not asked when one of them cannot be used anyhow.
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
            .Where(source => !source.StartsWith($"{SettingsLoader.Reference}:", StringComparison.Ordinal))
            .Distinct(StringComparer.Ordinal);
        Problems.Add($"{string.Join(", ", said.DefaultIfEmpty("defaults"))}: {message}");
    }
}
