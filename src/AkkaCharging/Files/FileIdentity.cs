using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AkkaCharging.Files;

/// <summary>Which file a path leads to at present, whatever the file holds: its device and its inode.</summary>
/// <remarks>
/// .NET tells no inode, so this asks Linux' <c>statx</c>, whose structure is the same on every architecture and in
/// every C library.
/// It opens nothing: to close a file gives up SQLite's locks on it.
/// </remarks>
internal readonly record struct FileIdentity(uint DeviceMajor, uint DeviceMinor, ulong Inode)
{
    private const int CurrentFolder = -100;
    private const int EmptyPath = 0x1000;
    private const uint InodeMask = 0x100;

    /// <summary>Whether this system tells identities: 64-bit Linux does, unless a sandbox forbids the call.</summary>
    public static bool IsKnown { get; } =
        OperatingSystem.IsLinux() && Environment.Is64BitProcess && TryGet(Name("/")) is not null;

    /// <summary>A path as the system wants it; made once for a path that is asked about often.</summary>
    public static byte[] Name(string path) => Encoding.UTF8.GetBytes(path + "\0");

    /// <summary>The file that <paramref name="name"/> leads to, symbolic links followed; null when none can be found
    /// there.</summary>
    public static FileIdentity? TryGet(byte[] name) =>
        Statx(CurrentFolder, name, 0, InodeMask, out var found) == 0 ? Of(found) : null;

    /// <summary>An open file, wherever it lies now.</summary>
    public static FileIdentity? TryGet(SafeFileHandle file)
    {
        var isHeld = false;
        try
        {
            file.DangerousAddRef(ref isHeld);
            return Statx((int)file.DangerousGetHandle(), Name(""), EmptyPath, InodeMask, out var found) == 0
                ? Of(found)
                : null;
        }
        finally
        {
            if (isHeld)
                file.DangerousRelease();
        }
    }

    private static FileIdentity Of(Status found) => new(found.DeviceMajor, found.DeviceMinor, found.Inode);

    [DllImport("libc", EntryPoint = "statx")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Statx(int folder, byte[] path, int flags, uint mask, out Status found);

    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Status
    {
        [FieldOffset(32)]
        public ulong Inode;

        [FieldOffset(136)]
        public uint DeviceMajor;

        [FieldOffset(140)]
        public uint DeviceMinor;
    }
}
