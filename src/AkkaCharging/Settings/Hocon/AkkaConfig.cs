using Akka.Configuration;
using Akka.Configuration.Hocon;

namespace AkkaCharging.Settings.Hocon;

/// <summary>Converts the <c>akka { … }</c> block for Akka, without parsing it a second time.</summary>
internal static class AkkaConfig
{
    /// <summary>Creates a configuration that contains only that block.</summary>
    public static Config From(ConfigBlock root)
    {
        var only = new ConfigBlock(root.Source);
        only.Entries[SettingsLoader.AkkaBlock] = root.Entries[SettingsLoader.AkkaBlock];
        return new Config(new HoconRoot(Value(only)));
    }

    private static HoconValue Value(ConfigNode node)
    {
        var value = new HoconValue();
        value.AppendValue(Element(node));
        return value;
    }

    private static IHoconElement Element(ConfigNode node)
    {
        switch (node)
        {
            case ConfigText text:
                return new HoconLiteral { Value = text.Value };
            case ConfigList list:
                var array = new HoconArray();
                array.AddRange(list.Items.Select(Value));
                return array;
            default:
                var block = new HoconObject();
                foreach (var (key, below) in ((ConfigBlock)node).Entries)
                {
                    block.GetOrCreateKey(key).NewValue(Element(below));
                }

                return block;
        }
    }
}
