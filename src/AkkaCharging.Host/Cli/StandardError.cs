using System.Runtime.InteropServices;

namespace AkkaCharging.Host.Cli;

/// <summary>Standard error, independent of standard output.</summary>
/// <remarks>
/// The console's own streams share a lock: while a reader of standard output hangs, writes to standard error would
/// block too. Output that cannot be written is dropped.
/// </remarks>
internal sealed class StandardError : Stream
{
    private const int Descriptor = 2;

    private StandardError() { }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>A writer that flushes each line.</summary>
    public static TextWriter Open() =>
        OperatingSystem.IsWindows() ? Console.Error : new StreamWriter(new StandardError()) { AutoFlush = true };

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (
            !buffer.IsEmpty
            && Write(Descriptor, in MemoryMarshal.GetReference(buffer), buffer.Length) is > 0 and var written
        )
            buffer = buffer[(int)written..];
    }

    public override void Flush()
    {
        // Nothing is buffered.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    [DllImport("libc", EntryPoint = "write")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint Write(int descriptor, in byte first, nint count);
}
