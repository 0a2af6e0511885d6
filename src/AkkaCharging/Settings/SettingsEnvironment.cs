using System.Text;
using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>
/// Environment variables as a layer of settings, and the names that the predecessor of this service used.
/// </summary>
internal static class SettingsEnvironment
{
    /// <summary>Old key, and the setting that it stands for.</summary>
    private static readonly (string Alias, string Path)[] Aliases =
    [
        ("ktor.deployment.port", "server.port"),
        ("ktor.deployment.development", "server.development"),
    ];

    /// <summary>A key's variable: the path in capitals, words and levels joined by <c>_</c>.</summary>
    public static string NameOf(string path)
    {
        var name = new StringBuilder();
        foreach (var c in path)
        {
            name.Append(char.IsAsciiLetterUpper(c) ? "_" : "").Append(c == '.' ? '_' : char.ToUpperInvariant(c));
        }

        return name.ToString();
    }

    /// <summary>The settings of a tree that have a variable: all but Akka's own.</summary>
    public static IReadOnlyList<string> PathsOf(ConfigBlock root) =>
        [
            .. root.Leaves()
                .Select(leaf => leaf.Path)
                .Where(path => !path.StartsWith($"{SettingsLoader.AkkaBlock}.", StringComparison.Ordinal)),
        ];

    /// <summary>Replaces settings by the variables that are set.</summary>
    public static void Overlay(
        ConfigBlock root,
        IEnumerable<string> paths,
        IReadOnlyDictionary<string, string> environment,
        ICollection<string> problems
    )
    {
        foreach (var (key, path) in paths.Select(path => (path, path)).Concat(Aliases))
        {
            var (name, own) = (NameOf(key), NameOf(path));
            if (!environment.TryGetValue(name, out var value))
            {
                continue;
            }

            var source = $"environment variable {name}";
            if (!name.Equals(own, StringComparison.Ordinal) && environment.ContainsKey(own))
            {
                problems.Add($"{source}: {path} is set a second time; {own} sets it already. Keep one of them.");
            }
            else
            {
                root.Replace(path, new ConfigText(value, source, FromEnvironment: true));
            }
        }
    }

    /// <summary>Moves a file's old keys to the settings that they stand for.</summary>
    public static void ResolveAliases(ConfigBlock file, ICollection<string> problems)
    {
        if (
            file.Entries.GetValueOrDefault("ktor") is not ConfigBlock ktor
            || ktor.Entries.GetValueOrDefault("deployment") is not ConfigBlock deployment
        )
        {
            return;
        }

        foreach (var (alias, path) in Aliases)
        {
            var key = path.Split('.')[1];
            if (!deployment.Entries.Remove(key, out var node))
            {
                continue;
            }

            var moved = new ConfigBlock(node.Source)
            {
                Entries = { ["server"] = new ConfigBlock(node.Source) { Entries = { [key] = node } } },
            };
            if (file.Leaves().Any(leaf => leaf.Path.Equals(path, StringComparison.Ordinal)))
            {
                problems.Add($"{node.Source}: {alias} sets {path} a second time. Keep one of them.");
            }
            else
            {
                file.Overlay(moved, problems);
            }
        }

        // What is left of the block is unknown, and reported as such.
        if (deployment.Entries.Count == 0 && ktor.Entries.Count == 1)
        {
            file.Entries.Remove("ktor");
        }
    }
}
