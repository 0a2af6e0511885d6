namespace AkkaCharging.Settings.Hocon;

/// <summary>A value, list or block of a HOCON file, with its place.</summary>
/// <param name="Source">The place: <c>hocon/application.conf:12</c>, or the environment variable.</param>
internal abstract record ConfigNode(string Source);

/// <summary>A single value, with quotes and escapes resolved.</summary>
/// <param name="FromEnvironment">Whether it is from a variable, in which a list is comma-separated or JSON.</param>
internal sealed record ConfigText(string Value, string Source, bool FromEnvironment = false) : ConfigNode(Source);

/// <summary>A list of nodes.</summary>
internal sealed record ConfigList(IReadOnlyList<ConfigNode> Items, string Source) : ConfigNode(Source);

/// <summary>A block of keys with their values, in the order of the file.</summary>
internal sealed record ConfigBlock(string Source) : ConfigNode(Source)
{
    /// <summary>The entries of this level: the block at <c>a.b</c> is an entry of the block at <c>a</c>.</summary>
    public Dictionary<string, ConfigNode> Entries { get; } = new(StringComparer.Ordinal);

    /// <summary>Returns a key's path in the tree, as problems and variables name that of a setting.</summary>
    /// <remarks>
    /// A key that needs quotes keeps them, so that <c>"server.port"</c> is not taken for <c>server.port</c>.
    /// </remarks>
    public static string Join(string path, string key)
    {
        var shown = key.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-') ? key : $"\"{key}\"";
        return path.Length == 0 ? shown : $"{path}.{shown}";
    }

    /// <summary>Returns a key's path for messages: a key that may be a misplaced secret is not shown.</summary>
    public static string Show(string path, string key) =>
        ShownValue.Of(key) switch
        {
            (ShownValue.Hidden or ShownValue.HiddenUserInfo) and var hidden => path.Length == 0
                ? hidden
                : $"{path}.{hidden}",
            var shown => Join(path, shown),
        };

    /// <summary>All values and lists below this block, by path.</summary>
    public IEnumerable<(string Path, ConfigNode Node)> Leaves(string path = "") =>
        Entries.SelectMany(entry =>
            entry.Value is ConfigBlock block
                ? block.Leaves(Join(path, entry.Key))
                : [(Join(path, entry.Key), entry.Value)]
        );

    /// <summary>Overrides this layer with a later one.</summary>
    /// <remarks>
    /// A block never replaces a value, nor a value a block: that is a problem, and this layer's node stays.
    /// </remarks>
    public void Overlay(ConfigBlock over, ICollection<string> problems, string path = "")
    {
        foreach (var (key, node) in over.Entries)
        {
            var here = Show(path, key);
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

    /// <summary>Replaces an existing value.</summary>
    public void Replace(string path, ConfigNode node)
    {
        var keys = path.Split('.');
        var block = keys[..^1].Aggregate(this, (at, key) => (ConfigBlock)at.Entries[key]);
        block.Entries[keys[^1]] = node;
    }
}
