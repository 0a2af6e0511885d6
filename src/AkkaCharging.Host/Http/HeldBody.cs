namespace AkkaCharging.Host.Http;

/// <summary>The body of a response that is sent later.</summary>
/// <remarks>
/// A body that is whole already is held without a copy: a cached one would otherwise be copied for each caller that
/// does not read its response.
/// </remarks>
internal sealed class HeldBody : MemoryStream
{
    private ReadOnlyMemory<byte> _whole;

    /// <summary>The bytes to send.</summary>
    public ReadOnlyMemory<byte> Content => _whole.IsEmpty ? GetBuffer().AsMemory(0, (int)Length) : _whole;

    /// <summary>Holds a whole body, in place of one that was held before.</summary>
    /// <param name="body">The body, which must not change until it is sent.</param>
    public void Hold(ReadOnlyMemory<byte> body) => _whole = body;
}
