namespace AkkaCharging.Settings;

/// <summary>Where settings are looked for.</summary>
/// <param name="ConfigFile">Takes the place of <c>hocon/application.conf</c>, and must exist; null when not
/// given.</param>
/// <param name="Development">Adds <c>hocon/development.conf</c>.</param>
/// <param name="Environment">The process's variables; those outside of the settings' namespaces are ignored.</param>
/// <param name="WorkingDirectory">Where relative paths and <c>hocon/</c> start.</param>
/// <param name="BaseDirectory">The executable's, asked for <c>hocon/</c> files that the working directory does not
/// have.</param>
internal sealed record SettingsSources(
    string? ConfigFile,
    bool Development,
    IReadOnlyDictionary<string, string> Environment,
    string WorkingDirectory,
    string BaseDirectory
);

/// <summary>One setting as it is in effect.</summary>
/// <param name="Path">Its key, such as <c>queue.maxSize</c>.</param>
/// <param name="Value">As written, <c>(secret)</c> for a secret.</param>
/// <param name="Origin">File and line, or environment variable.</param>
internal sealed record EffectiveSetting(string Path, string Value, string Origin);
