using System.Globalization;

namespace AkkaCharging.Host.Connections;

/// <summary>The open files of this process, as Linux reports them.</summary>
internal static class ProcessFiles
{
    private const string LimitsFile = "/proc/self/limits";
    private const string LimitName = "Max open files";
    private const string OpenFolder = "/proc/self/fd";

    /// <summary>Maximum number of open files; null without a limit, and on other systems.</summary>
    /// <remarks>This is the soft limit, which .NET raises to the hard limit when it starts.</remarks>
    public static int? Limit => File.Exists(LimitsFile) ? ReadLimit(File.ReadLines(LimitsFile)) : null;

    /// <summary>Number of open files; null on other systems.</summary>
    public static int? Open
    {
        get
        {
            try
            {
                return Directory.Exists(OpenFolder) ? Directory.EnumerateFileSystemEntries(OpenFolder).Count() : null;
            }
            catch (IOException)
            {
                return null; // No file handle is left to read the number.
            }
        }
    }

    internal static int? ReadLimit(IEnumerable<string> limits)
    {
        var line = limits.FirstOrDefault(line => line.StartsWith(LimitName, StringComparison.Ordinal));
        var soft = line?[LimitName.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
        return long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var files)
            ? (int)Math.Min(files, int.MaxValue)
            : null;
    }
}
