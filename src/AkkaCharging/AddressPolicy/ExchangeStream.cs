namespace AkkaCharging.AddressPolicy;

/// <summary>
/// Carries the exchanges of one connection, requests and their answers in turn, and tells when the connection turned
/// out to be stale.
/// </summary>
/// <remarks>
/// Errors: <see cref="StaleConnectionException"/> when the other side closed or reset the connection after at least one
/// answered exchange, and before one byte of the answer to the present request. A connection that ends within its first
/// exchange says what it says without this class. It stands above TLS, where the alert that announces a close is no
/// byte of an answer.
/// </remarks>
internal sealed class ExchangeStream(Stream inner) : Stream
{
    private volatile State _state = State.Fresh;
    private volatile bool _isClosed;

    private enum State
    {
        /// <summary>Nothing was ever read.</summary>
        Fresh,

        /// <summary>The last that happened was a read: within an answer, or idle after it.</summary>
        Answered,

        /// <summary>Another request was begun on the connection, and nothing was read since.</summary>
        AwaitsNextAnswer,
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read;
        try
        {
            read = await inner.ReadAsync(buffer, cancellationToken);
        }
        catch (IOException e) when (IsStaleNow())
        {
            throw new StaleConnectionException(e);
        }

        // The handler reads zero bytes of an idle connection to be told of its end: that says nothing yet.
        if (buffer.Length == 0)
            return 0;
        if (read > 0)
            _state = State.Answered;
        else if (IsStaleNow())
            throw new StaleConnectionException();
        return read;
    }

    // A request whose head fills the handler's buffer is written in two parts. An answer that begins between them and
    // breaks off then counts as none: such a request is sent once more, under the same webhook-id.
    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer,
        CancellationToken cancellationToken = default
    )
    {
        if (_state == State.Answered)
            _state = State.AwaitsNextAnswer;
        Interlocked.MemoryBarrier(); // the end is seen by the read or here, whichever comes second
        if (_isClosed && _state == State.AwaitsNextAnswer)
            throw new StaleConnectionException();
        try
        {
            await inner.WriteAsync(buffer, cancellationToken);
        }
        catch (IOException e) when (IsStaleNow())
        {
            throw new StaleConnectionException(e);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => inner.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }

    private bool IsStaleNow()
    {
        _isClosed = true;
        Interlocked.MemoryBarrier();
        return _state == State.AwaitsNextAnswer;
    }
}

/// <summary>
/// A request met a kept connection that its receiver had closed: whether it was read is not known, and not one byte of
/// an answer came.
/// </summary>
internal sealed class StaleConnectionException(Exception? inner = null)
    : IOException("The receiver had closed the kept connection.", inner)
{
    /// <summary>Whether this is why <paramref name="failure"/> came about.</summary>
    public static bool IsCauseOf(Exception failure)
    {
        for (var cause = failure; cause is not null; cause = cause.InnerException)
        {
            if (cause is StaleConnectionException)
                return true;
        }

        return false;
    }
}
