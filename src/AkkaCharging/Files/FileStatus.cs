using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AkkaCharging.Files;

/// <summary>Metadata of a file from Linux' <c>statx</c>.</summary>
/// <remarks>
/// .NET does not expose the inode. The structure is the same on every architecture and in every C library.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal readonly struct FileStatus
{
    private const int CurrentFolder = -100;
    private const int EmptyPath = 0x1000;
    private const ushort TypeMask = 0xF000;
    private const ushort RegularFile = 0x8000;

    /// <summary>Type, inode, size, and the times of the last write and of the last change of any kind.</summary>
    private const uint Wanted = 0x3C1;

    [FieldOffset(28)]
    private readonly ushort _mode;

    [FieldOffset(32)]
    private readonly ulong _inode;

    [FieldOffset(40)]
    private readonly ulong _size;

    [FieldOffset(96)]
    private readonly long _changedSeconds;

    [FieldOffset(104)]
    private readonly uint _changedNanoseconds;

    [FieldOffset(112)]
    private readonly long _writtenSeconds;

    [FieldOffset(120)]
    private readonly uint _writtenNanoseconds;

    [FieldOffset(136)]
    private readonly uint _deviceMajor;

    [FieldOffset(140)]
    private readonly uint _deviceMinor;

    /// <summary>The file's device and inode.</summary>
    public FileIdentity Identity => new(_deviceMajor, _deviceMinor, _inode);

    /// <summary>Whether this is a regular file, and not a folder, pipe, device or socket.</summary>
    public bool IsRegular => (_mode & TypeMask) == RegularFile;

    /// <summary>A text that differs between versions of the file's content.</summary>
    /// <remarks>
    /// Each write and each rename sets the change time from the system's clock; unlike the modification time, no
    /// program can set it back.
    /// </remarks>
    public string Version =>
        $"{_deviceMajor}:{_deviceMinor}:{_inode} {_size} {_writtenSeconds}.{_writtenNanoseconds} "
        + $"{_changedSeconds}.{_changedNanoseconds}";

    /// <summary>
    /// Returns the status of the file at <paramref name="name"/>, following symbolic links; null when there is none.
    /// </summary>
    public static FileStatus? TryGet(byte[] name) =>
        Statx(CurrentFolder, name, 0, Wanted, out var status) == 0 ? status : null;

    /// <summary>Returns the status of an open file.</summary>
    public static FileStatus? TryGet(SafeFileHandle file)
    {
        var isHeld = false;
        try
        {
            file.DangerousAddRef(ref isHeld);
            return Statx((int)file.DangerousGetHandle(), FileIdentity.Name(""), EmptyPath, Wanted, out var status) == 0
                ? status
                : null;
        }
        finally
        {
            if (isHeld)
                file.DangerousRelease();
        }
    }

    [DllImport("libc", EntryPoint = "statx")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Statx(int folder, byte[] path, int flags, uint mask, out FileStatus status);
}
