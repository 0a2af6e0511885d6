using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AkkaCharging.Files;

/// <summary>Which file a path leads to at present, whatever the file holds: its device and its inode.</summary>
/// <remarks>
/// .NET has no API for it; see <see cref="FileStatus"/>. Nothing is opened: to close a file gives up SQLite's locks on
/// it.
/// </remarks>
internal readonly record struct FileIdentity(uint DeviceMajor, uint DeviceMinor, ulong Inode)
{
    /// <summary>Whether this system tells identities: 64-bit Linux does, unless a sandbox forbids the call.</summary>
    public static bool IsKnown { get; } =
        OperatingSystem.IsLinux() && Environment.Is64BitProcess && TryGet(Name("/")) is not null;

    /// <summary>A path as the system wants it; made once for a path that is asked about often.</summary>
    public static byte[] Name(string path) => Encoding.UTF8.GetBytes(path + "\0");

    /// <summary>The file that <paramref name="name"/> leads to, symbolic links followed; null when none can be found
    /// there.</summary>
    public static FileIdentity? TryGet(byte[] name) => FileStatus.TryGet(name)?.Identity;

    /// <summary>An open file, wherever it lies now.</summary>
    public static FileIdentity? TryGet(SafeFileHandle file) => FileStatus.TryGet(file)?.Identity;
}
