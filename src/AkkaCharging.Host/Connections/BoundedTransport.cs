using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace AkkaCharging.Host.Connections;

/// <summary>Kestrel's transport for both listeners, each with <see cref="ConnectionPlaces"/> of its own.</summary>
internal sealed class BoundedTransport(FileBudget files, TimeProvider time, ILogger<BoundedTransport> logger)
    : IConnectionListenerFactory
{
    private const int Backlog = 512;
    private ConnectionPlaces? _next;

    public FileBudget Files => files;

    /// <summary>Places of both listeners, by their names in metrics.</summary>
    public IReadOnlyList<(string Name, ConnectionPlaces Places)> Listeners =>
        [("public", Callers), ("management", Operators)];

    /// <summary>Places of the public listener.</summary>
    public ConnectionPlaces Callers { get; } = new(files.Callers, time);

    /// <summary>Places of the operators' listener.</summary>
    public ConnectionPlaces Operators { get; } = new(files.Operators, time);

    /// <summary>Bounds the connections of <paramref name="listener"/> by <paramref name="places"/>.</summary>
    /// <remarks>
    /// Kestrel builds the middleware of a listener just before it binds it, one after the other; the transport itself
    /// is told only an address.
    /// </remarks>
    public void Bound(ListenOptions listener, ConnectionPlaces places) =>
        listener.Use(next =>
        {
            _next = places;
            return next;
        });

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var places = _next ?? throw new InvalidOperationException("A listener without a bound of its connections.");
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
    /// Tells a connection's place when it is busy: from the first line of <paramref name="app"/>'s pipeline to its
    /// last.
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
}
