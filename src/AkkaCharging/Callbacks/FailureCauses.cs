using System.Net.Sockets;
using System.Security.Authentication;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Requests;

namespace AkkaCharging.Callbacks;

/// <summary>Tells causes by what was thrown: the one place that knows how HTTP, TLS and sockets report them.</summary>
internal static class FailureCauses
{
    /// <summary>Why a name has no address.</summary>
    public static AttemptCause Of(NameResolutionFailure failure) =>
        failure switch
        {
            NameResolutionFailure.NotFound => AttemptCause.NameNotFound,
            NameResolutionFailure.TimedOut => AttemptCause.NameTimeout,
            NameResolutionFailure.OutOfFiles => AttemptCause.LocalResources,
            _ => AttemptCause.NameNotAsked,
        };

    /// <summary>
    /// The cause that the outermost exception that knows one has: what lies within is less precise, as a reset below a
    /// failed TLS handshake.
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
            // of the connector and of the handler's ConnectTimeout; an answer's is a cancellation
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

            // The second line: no port is left to connect from.
            SocketError.TooManyOpenSockets
            or SocketError.NoBufferSpaceAvailable
            or SocketError.ProcessLimit
            or SocketError.AddressNotAvailable
            or SocketError.AddressAlreadyInUse => AttemptCause.LocalResources,
            _ => null,
        };
}
