using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace AkkaCharging.Host.Connections;

/// <summary>Kestrel's transport for both listeners, each with its own <see cref="ConnectionPlaces"/>.</summary>
internal sealed class BoundedTransport(FileBudget files, TimeProvider time, ILogger<BoundedTransport> logger)
    : IConnectionListenerFactory
{
    private const int Backlog = 512;
    private ConnectionPlaces? _next;

    public FileBudget Files => files;

    /// <summary>The places of both listeners, by their names in metrics.</summary>
    public IReadOnlyList<(string Name, ConnectionPlaces Places)> Listeners =>
        [("public", Callers), ("management", Operators)];

    /// <summary>The places of the public listener.</summary>
    public ConnectionPlaces Callers { get; } = new(files.Callers, time);

    /// <summary>The places of the operators' listener.</summary>
    public ConnectionPlaces Operators { get; } = new(files.Operators, time);

    /// <summary>Limits the connections of <paramref name="listener"/> to <paramref name="places"/>.</summary>
    /// <remarks>
    /// Kestrel builds a listener's middleware just before it binds that listener, one after the other, while the
    /// transport itself gets only an address.
    /// </remarks>
    public void Bound(ListenOptions listener, ConnectionPlaces places) =>
        listener.Use(next =>
        {
            _next = places;
            return next;
        });

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var places = _next ?? throw new InvalidOperationException("The listener has no connection limit.");
        Socket? socket = null;
        try
        {
            socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            socket.Listen(Backlog);
            return new(new BoundedListener(socket, places, time, logger));
        }
        catch (SocketException e)
        {
            socket?.Dispose();
            if (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
                throw new AddressInUseException(e.Message, e);
            throw;
        }
    }

    /// <summary>
    /// Marks a connection's place as busy while a request passes through the pipeline of <paramref name="app"/>.
    /// </summary>
    public static void UseConnectionPlaces(IApplicationBuilder app) =>
        app.Use(next =>
            async context =>
            {
                var place = context.Features.Get<ConnectionPlaces.Place>();
                place?.Begin();
                try
                {
                    await next(context);
                }
                finally
                {
                    place?.End();
                }
            }
        );

    /// <summary>
    /// Writes a body to the caller of <paramref name="context"/>. Until a caller reads it, its connection counts as
    /// idle, so that those who never read displace each other and not other callers.
    /// </summary>
    public static ValueTask WriteAsync(
        HttpContext context,
        ReadOnlyMemory<byte> body,
        CancellationToken cancellationToken
    )
    {
        var writing = context.Response.Body.WriteAsync(body, cancellationToken);
        return !writing.IsCompleted && context.Features.Get<ConnectionPlaces.Place>() is { } place
            ? AwaitReaderAsync(writing, place)
            : writing;
    }

    private static async ValueTask AwaitReaderAsync(ValueTask writing, ConnectionPlaces.Place place)
    {
        place.End();
        try
        {
            await writing;
        }
        finally
        {
            place.Begin();
        }
    }
}
