using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AkkaCharging.Testing;

/// <summary>
/// A regular file that blocks every process that opens it, as one of a dead mount does, until it is released: a lease
/// of Linux, for at most <c>/proc/sys/fs/lease-break-time</c> (45 s).
/// </summary>
internal sealed class HangingFile : IDisposable
{
    private const int SetSignal = 10;
    private const int SetLease = 1024;
    private const int GetLease = 1025;
    private const int Write = 1;
    private const int Urgent = 23; // a signal that is ignored: the lease's own would end the process

    private readonly SafeFileHandle _file;

    /// <param name="path">A file that no process has open.</param>
    public HangingFile(string path)
    {
        _file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        if (Fcntl(_file, SetSignal, Urgent) < 0 || Fcntl(_file, SetLease, Write) < 0)
            throw new Win32Exception();
    }

    /// <summary>Whether a process is blocked opening it.</summary>
    public bool IsAwaited => Fcntl(_file, GetLease, 0) != Write;

    /// <summary>Releases the file for all readers.</summary>
    public void Dispose() => _file.Dispose();

    [DllImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Fcntl(SafeFileHandle file, int command, int argument);
}
