namespace AkkaCharging.Settings.Hocon;

/// <summary>What a HOCON file says at one place, with that place.</summary>
/// <param name="Source"><c>hocon/application.conf:12</c>, or the environment variable.</param>
internal abstract record ConfigNode(string Source);

/// <summary>One value, quotes and escapes resolved.</summary>
/// <param name="FromEnvironment">A list in it is comma-separated, or JSON.</param>
internal sealed record ConfigText(string Value, string Source, bool FromEnvironment = false) : ConfigNode(Source);

/// <summary>A list.</summary>
internal sealed record ConfigList(IReadOnlyList<ConfigNode> Items, string Source) : ConfigNode(Source);

/// <summary>Keys with their values, in the order of the file.</summary>
internal sealed record ConfigBlock(string Source) : ConfigNode(Source)
{
    /// <summary>One level: the block at <c>a.b</c> is an entry of the block at <c>a</c>.</summary>
    public Dictionary<string, ConfigNode> Entries { get; } = new(StringComparer.Ordinal);

    /// <summary>A key's place in the tree, as problems and variables name it.</summary>
    /// <remarks>
    /// With quotes around a key that needs them, so that <c>"server.port"</c> is not taken for <c>server.port</c>.
    /// </remarks>
    public static string Join(string path, string key)
    {
        var shown = key.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-') ? key : $"\"{key}\"";
        return path.Length == 0 ? shown : $"{path}.{shown}";
    }

    /// <summary>Every value and list below, by path.</summary>
    public IEnumerable<(string Path, ConfigNode Node)> Leaves(string path = "") =>
        Entries.SelectMany(entry =>
            entry.Value is ConfigBlock block
                ? block.Leaves(Join(path, entry.Key))
                : [(Join(path, entry.Key), entry.Value)]
        );

    /// <summary>Lays a later layer over this one.</summary>
    /// <remarks>
    /// A block never replaces a value nor the other way round: that is a problem, and this layer's stays.
    /// </remarks>
    public void Overlay(ConfigBlock over, ICollection<string> problems, string path = "")
    {
        foreach (var (key, node) in over.Entries)
        {
            var here = Join(path, key);
            switch (Entries.GetValueOrDefault(key), node)
            {
                case (ConfigBlock mine, ConfigBlock theirs):
                    mine.Overlay(theirs, problems, here);
                    break;
                case (ConfigBlock, _):
                    problems.Add(
                        $"{node.Source}: {here} is a block of settings; expected {here} {{ … }}, not a value."
                    );
                    break;
                case (not null, ConfigBlock):
                    problems.Add($"{node.Source}: {here} is a single setting; expected a value, not a block.");
                    break;
                default:
                    Entries[key] = node;
                    break;
            }
        }
    }

    /// <summary>Puts a value where one stands already.</summary>
    public void Replace(string path, ConfigNode node)
    {
        var keys = path.Split('.');
        var block = keys[..^1].Aggregate(this, (at, key) => (ConfigBlock)at.Entries[key]);
        block.Entries[keys[^1]] = node;
    }
}
