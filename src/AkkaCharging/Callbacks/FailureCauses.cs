using System.Net.Sockets;
using System.Security.Authentication;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Requests;

namespace AkkaCharging.Callbacks;

/// <summary>Maps exceptions to causes. Only this class knows how HTTP, TLS and sockets report them.</summary>
internal static class FailureCauses
{
    /// <summary>Returns the cause for a name without an address.</summary>
    public static AttemptCause Of(NameResolutionFailure failure) =>
        failure switch
        {
            NameResolutionFailure.NotFound => AttemptCause.NameNotFound,
            NameResolutionFailure.TimedOut => AttemptCause.NameTimeout,
            NameResolutionFailure.OutOfFiles => AttemptCause.LocalResources,
            _ => AttemptCause.NameNotAsked,
        };

    /// <summary>
    /// Returns the cause of the outermost exception that has one: inner exceptions are less precise, such as a reset
    /// below a failed TLS handshake.
    /// </summary>
    public static AttemptCause Of(Exception failure)
    {
        for (var at = failure; at is not null; at = at.InnerException)
        {
            if (OfOne(at) is { } cause)
                return cause;
        }

        return AttemptCause.Other;
    }

    private static AttemptCause? OfOne(Exception failure) =>
        failure switch
        {
            AddressRefusedException => AttemptCause.AddressRefused,
            NameResolutionException name => Of(name.Kind),
            // Thrown by the connector; an answer that times out is a cancellation.
            TimeoutException => AttemptCause.ConnectTimeout,
            AuthenticationException => AttemptCause.Tls,
            SocketException socket => Of(socket.SocketErrorCode),
            HttpRequestException http => Of(http.HttpRequestError),
            HttpIOException http => Of(http.HttpRequestError),
            _ => null,
        };

    private static AttemptCause? Of(HttpRequestError error) =>
        error switch
        {
            HttpRequestError.SecureConnectionError => AttemptCause.Tls,
            HttpRequestError.ConfigurationLimitExceeded => AttemptCause.TooLarge,
            HttpRequestError.ResponseEnded => AttemptCause.ConnectionReset,
            HttpRequestError.InvalidResponse
            or HttpRequestError.HttpProtocolError
            or HttpRequestError.VersionNegotiationError => AttemptCause.Protocol,
            _ => null,
        };

    private static AttemptCause? Of(SocketError error) =>
        error switch
        {
            SocketError.ConnectionRefused => AttemptCause.ConnectionRefused,
            SocketError.TimedOut => AttemptCause.ConnectTimeout,
            SocketError.ConnectionReset
            or SocketError.ConnectionAborted
            or SocketError.Shutdown
            or SocketError.NotConnected
            or SocketError.Disconnecting => AttemptCause.ConnectionReset,
            SocketError.NetworkUnreachable
            or SocketError.HostUnreachable
            or SocketError.NetworkDown
            or SocketError.HostDown
            or SocketError.AccessDenied => AttemptCause.Unreachable,

            // Checked as a second line of defence: no local port is left to connect from.
            SocketError.TooManyOpenSockets
            or SocketError.NoBufferSpaceAvailable
            or SocketError.ProcessLimit
            or SocketError.AddressNotAvailable
            or SocketError.AddressAlreadyInUse => AttemptCause.LocalResources,
            _ => null,
        };
}
