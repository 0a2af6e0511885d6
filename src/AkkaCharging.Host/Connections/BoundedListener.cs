using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace AkkaCharging.Host.Connections;

/// <summary>Accepts connections up to the number of places, and continues after errors of the system.</summary>
/// <remarks>
/// Kestrel's own listener retries a failed accept at once, so that it keeps a processor busy while no file descriptor
/// is free. Its connection limit is shared by all listeners, and is applied only after accepted sockets have waited in
/// an unbounded queue of the thread pool. This listener counts each socket from its accept to its close.
/// </remarks>
internal sealed partial class BoundedListener : IConnectionListener
{
    // Limit of unread output for a caller that reads nothing. Linux would let it grow to 4 MB per connection; no
    // response exceeds this limit plus Kestrel's own buffer of 64 KiB.
    private const int UnreadResponseBytesMax = 65_536;

    // Limit of input that no request has read yet. A head has at most 40 KiB, and a body is passed on in parts. .NET
    // would keep 1 MiB of what a caller sends behind a response that it does not read.
    private const int UnreadRequestBytesMax = 65_536;

    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan BetweenWarnings = TimeSpan.FromSeconds(10);

    private readonly Func<CancellationToken, ValueTask<Socket>> _accept;
    private readonly Socket _listener;
    private readonly SocketConnectionContextFactory _connections;
    private readonly ConnectionPlaces _places;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private long? _warnedAt;

    /// <param name="listener">A socket that is already listening.</param>
    /// <param name="accept">Replaces the system's accept in tests.</param>
    public BoundedListener(
        Socket listener,
        ConnectionPlaces places,
        TimeProvider time,
        ILogger logger,
        Func<CancellationToken, ValueTask<Socket>>? accept = null
    )
    {
        (_listener, _places, _time, _logger) = (listener, places, time, logger);
        _accept = accept ?? listener.AcceptAsync;
        _connections = new SocketConnectionContextFactory(
            new SocketConnectionFactoryOptions { MaxReadBufferSize = UnreadRequestBytesMax },
            logger
        );
        EndPoint = listener.LocalEndPoint!;
    }

    public EndPoint EndPoint { get; }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await _accept(cancellationToken);
            }
            catch (Exception e)
                when (e is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted })
            {
                return null; // The listener is closed.
            }
            catch (SocketException e)
                when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted)
            {
                continue; // The caller left before its turn came.
            }
            catch (SocketException e)
            {
                Warn(e.Message);
                // Callers wait in the system's queue until a file descriptor is free.
                await Task.Delay(PauseAfterFailure, _time, CancellationToken.None);
                continue;
            }

            if (await TakeInAsync(socket) is { } connection)
                return connection;
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _listener.Dispose();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        _listener.Dispose();
        _connections.Dispose();
        return ValueTask.CompletedTask;
    }

    private async ValueTask<ConnectionContext?> TakeInAsync(Socket socket)
    {
        var place = await _places.TakeAsync();
        if (place is null)
        {
            socket.Dispose();
            Warn("every connection is busy; a new one was closed");
            return null;
        }

        try
        {
            socket.NoDelay = true;
            socket.SendBufferSize = UnreadResponseBytesMax;
            var connection = _connections.Create(socket);
            connection.Features.Set(place);
            place.ClosesBy(() => connection.Abort(new("The idle connection was closed to make room for a new one.")));
            return new BoundedConnection(connection, place);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            socket.Dispose(); // The caller has left.
            place.Free();
            return null;
        }
    }

    private void Warn(string problem)
    {
        if (_warnedAt is { } at && _time.GetElapsedTime(at) < BetweenWarnings)
            return;
        _warnedAt = _time.GetTimestamp();
        LogNotAccepted(EndPoint, problem, _places.Open, _places.Max, _places.Refused);
    }

    [LoggerMessage(
        1901,
        LogLevel.Warning,
        "Connections to {EndPoint} are not accepted: {Problem}. Open: {Open} of {Max}; closed at once: {Refused}"
    )]
    private partial void LogNotAccepted(EndPoint endPoint, string problem, int open, int max, long refused);
}
