namespace AkkaCharging.Settings.Hocon;

/// <summary>Writes HOCON.</summary>
internal static class HoconText
{
    /// <summary>Returns <paramref name="text"/> in double quotes.</summary>
    public static string Quoted(string text) =>
        $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
