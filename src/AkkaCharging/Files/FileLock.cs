using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AkkaCharging.Files;

/// <summary>
/// Linux locks of an open file (<c>fcntl</c>, <c>F_OFD_SETLK</c>), which end when it is closed and which no runtime
/// switch turns off.
/// </summary>
/// <remarks>
/// Unlike the locks of .NET (<c>flock</c>), they cannot be taken by a user who may only read the file.
/// </remarks>
internal static class FileLock
{
    private const int GetLock = 36;
    private const int SetLock = 37;
    private const short Writing = 1;
    private const short Unlocked = 2;

    // EAGAIN and EACCES.
    private static readonly int[] HeldByAnother = [11, 13];

    /// <summary>Whether this system supports the locks.</summary>
    public static bool IsSupported { get; } = OperatingSystem.IsLinux() && Environment.Is64BitProcess;

    /// <summary>
    /// Locks the bytes from <paramref name="start"/> on; false while another open file has locked some of them.
    /// </summary>
    /// <param name="length">Number of bytes; 0 for all up to the end, however far the file grows.</param>
    /// <exception cref="IOException">The file system does not support locks.</exception>
    public static bool TryTake(SafeFileHandle file, long start, long length)
    {
        var range = new Range
        {
            Type = Writing,
            Start = start,
            Length = length,
        };
        if (Fcntl(file, SetLock, ref range) == 0)
            return true;
        var error = Marshal.GetLastPInvokeError();
        return HeldByAnother.Contains(error)
            ? false
            : throw new IOException($"it cannot be locked: {new Win32Exception(error).Message}.");
    }

    /// <summary>Checks whether another open file has locked some of these bytes.</summary>
    public static bool IsHeld(SafeFileHandle file, long start, long length)
    {
        var range = new Range
        {
            Type = Writing,
            Start = start,
            Length = length,
        };
        return Fcntl(file, GetLock, ref range) != 0 || range.Type != Unlocked;
    }

    // The third argument is variadic, which 64-bit Linux passes like any other.
    [DllImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Fcntl(SafeFileHandle file, int command, ref Range range);

    [StructLayout(LayoutKind.Sequential)]
    private struct Range
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length;
        public int Process;
    }
}
