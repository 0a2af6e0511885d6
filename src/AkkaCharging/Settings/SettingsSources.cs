namespace AkkaCharging.Settings;

/// <summary>The places from which settings are loaded.</summary>
/// <param name="ConfigFile">The file that replaces <c>hocon/application.conf</c> and must exist; null for none.</param>
/// <param name="Development">Whether to add <c>hocon/development.conf</c>.</param>
/// <param name="Environment">The environment variables; those outside of the settings' namespaces are ignored.</param>
/// <param name="WorkingDirectory">The base of relative paths and of <c>hocon/</c>.</param>
/// <param name="BaseDirectory">The directory of the executable, searched for <c>hocon/</c> files that the working
/// directory lacks.</param>
internal sealed record SettingsSources(
    string? ConfigFile,
    bool Development,
    IReadOnlyDictionary<string, string> Environment,
    string WorkingDirectory,
    string BaseDirectory
);

/// <summary>A setting in effect.</summary>
/// <param name="Path">The path of the setting, for example <c>queue.maxSize</c>.</param>
/// <param name="Value">The value as written; <c>(secret)</c> for a secret.</param>
/// <param name="Origin">File and line, or environment variable.</param>
internal sealed record EffectiveSetting(string Path, string Value, string Origin);
