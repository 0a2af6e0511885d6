using System.Runtime.InteropServices;
using AkkaCharging.Host.Http;
using Microsoft.AspNetCore.Http;

namespace AkkaCharging.Host.Tests.Http;

/// <summary>What is sent to a caller without an API key once its place is released.</summary>
[Trait("Category", "Unit")]
public sealed class HeldBodyTests : IDisposable
{
    private readonly AnonymousReads _reads = new(new AddressLimits(0, TimeProvider.System));
    private readonly Recorder _connection = new();
    private readonly DefaultHttpContext _context = new();

    public HeldBodyTests() => _context.Response.Body = _connection;

    public void Dispose()
    {
        _reads.Dispose();
        _connection.Dispose();
    }

    [Fact]
    public async Task WholeBody_IsSentWithoutACopy()
    {
        var cached = new byte[100_000];

        await _reads.InvokeAsync(_context, context => context.WriteBytesAsync(cached));

        Assert.True(MemoryMarshal.TryGetArray(Assert.Single(_connection.Sent), out var sent));
        Assert.Same(cached, sent.Array);
        Assert.Equal(cached.Length, sent.Count);
    }

    [Fact]
    public async Task BodyInParts_IsSentAsOne()
    {
        await _reads.InvokeAsync(
            _context,
            async context =>
            {
                await context.Response.Body.WriteAsync(new byte[] { 1, 2 });
                await context.Response.Body.WriteAsync(new byte[] { 3 });
            }
        );

        Assert.Equal(new byte[] { 1, 2, 3 }, Assert.Single(_connection.Sent).ToArray());
    }

    [Fact]
    public async Task Head_IsSentNoBody()
    {
        _context.Request.Method = HttpMethods.Head;

        await _reads.InvokeAsync(_context, context => context.WriteBytesAsync(new byte[7]));

        Assert.Equal(7L, _context.Response.ContentLength);
        Assert.Empty(_connection.Sent);
    }

    /// <summary>Keeps what it is given to send.</summary>
    private sealed class Recorder : MemoryStream
    {
        public List<ReadOnlyMemory<byte>> Sent { get; } = [];

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Sent.Add(buffer);
            return ValueTask.CompletedTask;
        }
    }
}
