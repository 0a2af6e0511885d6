using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AkkaCharging.Files;

/// <summary>Syncs a folder, so that names of new files in it outlive a power cut.</summary>
/// <remarks>.NET opens no folders.</remarks>
internal static class Folder
{
    private const int ReadOnlyClosedOnExec = 0x80000;

    // EIO, ENFILE, EMFILE, ENOSPC and EDQUOT. Other errors say that the file system does not sync folders, or that this
    // process may not open this one.
    private static readonly int[] Failures = [5, 23, 24, 28, 122];

    /// <summary>Syncs the folder; on other systems than 64-bit Linux, does nothing.</summary>
    /// <exception cref="IOException">The disk failed, or the process is out of files.</exception>
    public static void Sync(string path)
    {
        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess)
            return;
        using var folder = Open(FileIdentity.Name(path), ReadOnlyClosedOnExec);
        if (folder.IsInvalid || Fsync(folder) != 0)
        {
            var error = Marshal.GetLastPInvokeError();
            if (Failures.Contains(error))
                throw new IOException($"its folder cannot be synced: {new Win32Exception(error).Message}.");
        }
    }

    // The third argument is variadic, which 64-bit Linux passes like any other, and only for files that are created.
    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern SafeFileHandle Open(byte[] path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Fsync(SafeFileHandle folder);
}
