using System.Text;
using System.Text.RegularExpressions;
using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>
/// Environment variables as a layer of settings, and the setting names of this service's predecessor.
/// </summary>
internal static partial class SettingsEnvironment
{
    /// <summary>The old keys with the settings that replace them.</summary>
    private static readonly (string Alias, string Path)[] Aliases =
    [
        ("ktor.deployment.port", "server.port"),
        ("ktor.deployment.development", "server.development"),
    ];

    /// <summary>
    /// The variable that lists, separated by commas, names that look like settings but belong to other programs.
    /// </summary>
    public const string Foreign = "AKKACHARGING_FOREIGN_VARIABLES";

    /// <summary>Set by systemd for each unit whose output it keeps: the device and the inode of that output.</summary>
    private const string OfSystemd = "JOURNAL_STREAM";

    /// <summary>
    /// Returns the variable of a setting: its path in capitals, with words and levels joined by <c>_</c>.
    /// </summary>
    public static string NameOf(string path)
    {
        var name = new StringBuilder();
        foreach (var c in path)
        {
            name.Append(char.IsAsciiLetterUpper(c) ? "_" : "").Append(c == '.' ? '_' : char.ToUpperInvariant(c));
        }

        return name.ToString();
    }

    /// <summary>Returns the settings of a tree that have a variable: all but Akka's own.</summary>
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
            if (IsServiceLink(name, value))
            {
                problems.Add(
                    $"{source}: contains a service link of the container platform; expected a port. Set "
                        + "enableServiceLinks: false for the pod."
                );
            }
            else if (!name.Equals(own, StringComparison.Ordinal) && environment.ContainsKey(own))
            {
                problems.Add(SetTwice(source, path, own));
            }
            else
            {
                root.Replace(path, new ConfigText(value, source, FromEnvironment: true));
            }
        }
    }

    /// <summary>
    /// Describes that <paramref name="source"/> and the variable <paramref name="own"/> set the same setting.
    /// </summary>
    public static string SetTwice(string source, string path, string own) =>
        $"{source}: {path} is set a second time; {own} sets it already. Keep one of them.";

    /// <summary>
    /// Reports variables that are named like settings but are none: a misspelt variable would otherwise be ignored
    /// silently.
    /// </summary>
    /// <remarks>
    /// Service links of a container platform, systemd's variable and the names listed in <see cref="Foreign"/> are
    /// skipped.
    /// </remarks>
    public static void ReportUnknown(
        IReadOnlyList<string> paths,
        IReadOnlyDictionary<string, string> environment,
        List<string> problems
    )
    {
        string[] names =
        [
            .. paths.Concat(Aliases.Select(alias => alias.Alias)).Select(NameOf),
            .. SecretFile.Variables,
        ];
        var known = names.ToHashSet(StringComparer.Ordinal);
        var namespaces = names
            .Select(name => name[..(name.IndexOf('_', StringComparison.Ordinal) + 1)])
            .ToHashSet(StringComparer.Ordinal);
        var foreign = (environment.GetValueOrDefault(Foreign) ?? "").Split(',', StringSplitOptions.TrimEntries);
        foreach (var (name, value) in environment.OrderBy(variable => variable.Key, StringComparer.Ordinal))
        {
            if (
                !namespaces.Any(own => name.StartsWith(own, StringComparison.Ordinal))
                || known.Contains(name)
                || foreign.Contains(name, StringComparer.Ordinal)
                || name.Equals(OfSystemd, StringComparison.Ordinal)
                || IsServiceLink(name, value)
            )
            {
                continue;
            }

            var similar = problems.Count < UnknownKeys.MostCompared ? UnknownKeys.MostAlike(name, names) : null;
            problems.Add(
                $"environment variable {name} is not a setting"
                    + (similar is null ? "" : $"; did you mean {similar}?")
                    + (similar is null ? $". If it belongs to another program, list it in {Foreign}." : "")
            );
        }
    }

    /// <summary>Checks whether a variable is one that Kubernetes sets for a service of this name.</summary>
    private static bool IsServiceLink(string name, string value) =>
        ServiceLinkName().IsMatch(name)
        || (name.EndsWith("_PORT", StringComparison.Ordinal) && ServiceLinkValue().IsMatch(value));

    [GeneratedRegex(
        "_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1_000
    )]
    private static partial Regex ServiceLinkName();

    [GeneratedRegex("^(tcp|udp|sctp)://", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex ServiceLinkValue();

    /// <summary>Moves a file's old keys to the settings that replace them.</summary>
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

        // The remaining keys of the block are unknown and reported as such.
        if (deployment.Entries.Count == 0 && ktor.Entries.Count == 1)
        {
            file.Entries.Remove("ktor");
        }
    }
}
