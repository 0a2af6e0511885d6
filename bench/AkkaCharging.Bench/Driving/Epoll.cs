using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace AkkaCharging.Bench.Driving;

/// <summary>
/// Waits for many sockets with a time-out in nanoseconds: what no managed call offers, and a schedule needs.
/// </summary>
internal sealed unsafe class Epoll : IDisposable
{
    private const int Add = 1;
    private const int EventsMax = 256;
    private const uint Readable = 1;
    private const int Interrupted = 4;

    // struct epoll_event is packed on x86-64 and aligned elsewhere.
    private static readonly int EventBytes = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private readonly int _handle = epoll_create1(0);
    private readonly byte[] _events = new byte[EventsMax * EventBytes];

    /// <summary>
    /// Watches <paramref name="socket"/>; events carry <paramref name="number"/>. Closing it ends that.
    /// </summary>
    public void Watch(Socket socket, int number)
    {
        var wanted = stackalloc byte[EventBytes];
        *(uint*)wanted = Readable;
        *(long*)(wanted + EventBytes - sizeof(long)) = number;
        if (epoll_ctl(_handle, Add, (int)socket.Handle, wanted) != 0)
            throw new Win32Exception();
    }

    /// <summary>Waits until a socket has something to read, or for <paramref name="nanoseconds"/>.</summary>
    /// <returns>How many <see cref="NumberOf"/> knows.</returns>
    public int Wait(long nanoseconds)
    {
        var timeout = new Timespec { Seconds = nanoseconds / 1_000_000_000, Nanoseconds = nanoseconds % 1_000_000_000 };
        fixed (byte* events = _events)
        {
            var count = epoll_pwait2(_handle, events, EventsMax, &timeout, null);
            if (count >= 0)
                return count;
            return Marshal.GetLastPInvokeError() == Interrupted ? 0 : throw new Win32Exception();
        }
    }

    /// <summary>The number of the socket of event <paramref name="index"/>.</summary>
    public int NumberOf(int index) => (int)BitConverter.ToInt64(_events, ((index + 1) * EventBytes) - sizeof(long));

    public void Dispose() => _ = close(_handle);

    [StructLayout(LayoutKind.Sequential)]
    private struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }

#pragma warning disable SYSLIB1054, IDE1006, MA0048 // Named as in the C library.
    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int epoll_create1(int flags);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int epoll_ctl(int epoll, int operation, int handle, byte* wanted);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int epoll_pwait2(int epoll, byte* events, int eventsMax, Timespec* timeout, void* signals);

    [DllImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int close(int handle);
#pragma warning restore SYSLIB1054, IDE1006, MA0048
}
