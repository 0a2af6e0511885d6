namespace AkkaCharging.Settings.Hocon;

/// <summary>Reads the settings of one block, and collects problems instead of stopping at the first.</summary>
/// <remarks>
/// Values come from <see cref="HoconParser"/> and not from Akka's <c>Config</c>, which returns 0 for a missing key,
/// throws without the path on an invalid value, and knows no lines. A setting with a problem is read as some value of
/// its type: the loader throws before that is used.
/// </remarks>
internal sealed class HoconSection(ConfigBlock block, string path, SettingsReport report)
{
    /// <summary>Returns a block below this one, which <c>reference.conf</c> must contain.</summary>
    public HoconSection Section(string key) =>
        new((ConfigBlock)block.Entries[key], ConfigBlock.Join(path, key), report);

    /// <summary>Reads a whole number, quoted or not.</summary>
    public int Count(string key, int min, int max) => One(key, SettingKind.Whole(min, max));

    /// <summary>Reads a time in whole milliseconds; the key names the unit.</summary>
    public TimeSpan Duration(string key, int min, int max) => TimeSpan.FromMilliseconds(Count(key, min, max));

    /// <summary>Reads a number with or without a fraction.</summary>
    /// <param name="missing">The value of a missing key.</param>
    public double Number(string key, double min, double max, string? missing = null) =>
        One(key, SettingKind.Number(min, max), missing);

    /// <summary>Reads <c>true</c> or <c>false</c>.</summary>
    public bool Flag(string key) => One(key, SettingKind.Flag);

    /// <summary>Reads a text, which may be empty.</summary>
    public string Text(string key) => One(key, SettingKind.Text);

    /// <summary>Reads the name of an enumeration member.</summary>
    public T Choice<T>(string key)
        where T : struct, Enum => One(key, SettingKind.Choice<T>());

    /// <summary>Reads a single value.</summary>
    public T One<T>(string key, SettingKind<T> kind, string? missing = null)
    {
        var full = ConfigBlock.Join(path, key);
        var node =
            block.Entries.GetValueOrDefault(key) ?? (missing is null ? null : new ConfigText(missing, block.Source));
        report.Found(full, Shown(node, kind.Show), node?.Source ?? block.Source);
        if (node is not null)
        {
            return Value(full, node, kind);
        }

        report.Refuse(full, block.Source, $"is missing; expected {kind.Expected}.");
        return kind.Fallback;
    }

    /// <summary>Reads a list of values; a missing list is empty.</summary>
    public IReadOnlyList<T> Many<T>(string key, SettingKind<T> kind)
    {
        var full = ConfigBlock.Join(path, key);
        var node = block.Entries.GetValueOrDefault(key) ?? new ConfigList([], block.Source);
        report.Found(full, Shown(node, kind.Show), node.Source);
        var items = node switch
        {
            ConfigList list => list.Items,
            ConfigText { FromEnvironment: true, Value: "" } => [],
            ConfigText { FromEnvironment: true } text =>
            [
                .. text.Value.Split(',', StringSplitOptions.TrimEntries).Select(item => text with { Value = item }),
            ],
            _ => null,
        };
        if (items is null)
        {
            Refuse(full, node, $"a list, each item {kind.Expected}", kind.Show);
        }

        return [.. (items ?? []).Select((item, i) => Value($"{full}[{i}]", item, kind))];
    }

    /// <summary>Reads a list of blocks.</summary>
    /// <param name="expected">Describes an item in messages.</param>
    public IReadOnlyList<T> Entries<T>(string key, string expected, Func<HoconSection, T> read)
    {
        var full = ConfigBlock.Join(path, key);
        var node = block.Entries[key];
        report.Found(full, Shown(node, show: null), node.Source);
        var entries = new List<T>();
        foreach (var (item, i) in Items(full, node, expected).Select((item, i) => (item, i)))
        {
            if (item is ConfigBlock entry)
            {
                var at = $"{full}[{i}]";
                entries.Add(read(new HoconSection(entry, at, report)));
                UnknownKeys.Report(entry, at, report);
            }
            else
            {
                Refuse($"{full}[{i}]", item, expected, show: null);
            }
        }

        return entries;
    }

    private IReadOnlyList<ConfigNode> Items(string full, ConfigNode node, string expected)
    {
        try
        {
            var list = node is ConfigText { FromEnvironment: true } text
                ? text.Value.Length == 0
                    ? new ConfigList([], text.Source)
                    : HoconParser.ParseValue(text.Source, full, text.Value, report.Problems)
                : node;
            if (list is ConfigList { Items: var items })
            {
                return items;
            }

            Refuse(full, node, $"a list of {expected}", show: null);
        }
        catch (HoconSyntaxException e)
        {
            report.Refuse(full, node.Source, $"is not a list in JSON: {e.Message}");
        }

        return [];
    }

    private T Value<T>(string full, ConfigNode node, SettingKind<T> kind)
    {
        if (node is ConfigText text && kind.TryRead(text.Value, out var value))
        {
            return value;
        }

        Refuse(full, node, kind.Expected, kind.Show);
        return kind.Fallback;
    }

    private void Refuse(string full, ConfigNode node, string expected, Func<string, string>? show) =>
        report.Refuse(
            full,
            node.Source,
            node is ConfigText
                ? $"= {(show is null ? "(secret)" : $"'{Shown(node, show)}'")} cannot be read; expected {expected}."
                : $"is a {(node is ConfigList ? "list" : "block")}; expected {expected}."
        );

    /// <summary>Formats a value for people, without secrets.</summary>
    private static string Shown(ConfigNode? node, Func<string, string>? show) =>
        node switch
        {
            ConfigList { Items.Count: var count } when show is null => count == 0 ? "[]" : $"[{count} (secret)]",
            ConfigList { Items: var items } => $"[{string.Join(", ", items.Select(item => Shown(item, show)))}]",
            ConfigText { Value: "" } => "",
            ConfigText when show is null => "(secret)",
            ConfigText { Value: var value } => show(value),
            _ => "",
        };
}
