using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AkkaCharging.Files;

/// <summary>The identity of a file at a path, independent of its content: its device and its inode.</summary>
/// <remarks>
/// .NET has no API for it; see <see cref="FileStatus"/>. The file is not opened, because closing it would release
/// SQLite's locks on it.
/// </remarks>
internal readonly record struct FileIdentity(uint DeviceMajor, uint DeviceMinor, ulong Inode)
{
    /// <summary>
    /// Whether this system provides identities: 64-bit Linux does, unless a sandbox forbids the call.
    /// </summary>
    public static bool IsKnown { get; } =
        OperatingSystem.IsLinux() && Environment.Is64BitProcess && TryGet(Name("/")) is not null;

    /// <summary>
    /// Converts a path to the form of the system call; converted once for a path that is checked often.
    /// </summary>
    public static byte[] Name(string path) => Encoding.UTF8.GetBytes(path + "\0");

    /// <summary>
    /// Returns the identity of the file at <paramref name="name"/>, following symbolic links; null when there is none.
    /// </summary>
    public static FileIdentity? TryGet(byte[] name) => FileStatus.TryGet(name)?.Identity;

    /// <summary>Returns the identity of an open file, wherever it lies now.</summary>
    public static FileIdentity? TryGet(SafeFileHandle file) => FileStatus.TryGet(file)?.Identity;
}
