namespace AkkaCharging.AddressPolicy;

/// <summary>Carries the requests and answers of one connection and detects when a kept connection was stale.</summary>
/// <remarks>
/// Errors: <see cref="StaleConnectionException"/> when the other side closed or reset the connection after at least one
/// answered request and before the first byte of the current answer. A connection that ends during its first exchange
/// fails as usual. The stream sits above TLS, so that the alert that announces a close is not mistaken for a byte of an
/// answer.
/// </remarks>
/// <param name="closed">Called when the stream is disposed.</param>
internal sealed class ExchangeStream(Stream inner, TimeProvider time, Action<ExchangeStream> closed) : Stream
{
    private volatile State _state = State.Fresh;
    private volatile bool _isClosed;

    private enum State
    {
        /// <summary>Nothing has been read from the connection yet.</summary>
        Fresh,

        /// <summary>The latest operation was a read: within an answer, or idle after it.</summary>
        Answered,

        /// <summary>Another request was started on the connection, and nothing was read since.</summary>
        AwaitsNextAnswer,
    }

    /// <summary>Whether no request is under way.</summary>
    public bool IsIdle => _state == State.Answered && !_isClosed;

    /// <summary>Timestamp of the latest byte that was read.</summary>
    public long AnsweredAt { get; private set; }

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
        catch (Exception e) when (e is IOException or ObjectDisposedException && IsStaleNow())
        {
            throw new StaleConnectionException(e);
        }

        // The handler reads zero bytes of an idle connection to learn of its end; such a read is not an answer.
        if (buffer.Length == 0)
            return 0;
        if (read > 0)
            (AnsweredAt, _state) = (time.GetTimestamp(), State.Answered);
        else if (IsStaleNow())
            throw new StaleConnectionException();
        return read;
    }

    // A request whose head fills the handler's buffer is written in two parts. An answer that begins between them and
    // breaks off does not count as one: the request is sent once more, with the same webhook-id.
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
        catch (Exception e) when (e is IOException or ObjectDisposedException && IsStaleNow())
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
        {
            _isClosed = true; // a request that begins now is sent on another connection
            closed(this);
            inner.Dispose();
        }

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
/// A kept connection was closed by its receiver before the first byte of an answer; the receiver may or may not have
/// read the request.
/// </summary>
internal sealed class StaleConnectionException(Exception? inner = null)
    : IOException("The kept connection was already closed by the receiver.", inner)
{
    /// <summary>Tells whether a stale connection caused <paramref name="failure"/>.</summary>
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
