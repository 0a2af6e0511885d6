using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;

namespace AkkaCharging.AddressPolicy;

/// <summary>A resource that this process or its machine can exhaust when it opens a connection.</summary>
internal enum LocalResource
{
    /// <summary>File descriptors, of the process or of the machine (EMFILE, ENFILE).</summary>
    Files,

    /// <summary>Local ports towards one address (EADDRNOTAVAIL).</summary>
    Ports,

    /// <summary>Memory of the kernel or of the process (ENOBUFS, ENOMEM).</summary>
    Memory,
}

/// <summary>
/// A connection could not be opened because a local resource is exhausted; the receiver is not at fault.
/// </summary>
internal sealed class LocalShortageException(LocalResource resource, Exception inner)
    : Exception($"No connection could be opened: out of {resource.Name()}.", inner)
{
    /// <summary>The exhausted resource.</summary>
    public LocalResource Resource { get; } = resource;
}

/// <summary>Tells local shortages from failures of a receiver.</summary>
internal static class LocalResources
{
    private static readonly string[] Names = ["files", "ports", "memory"];

    /// <summary>Returns the name of a resource in metrics, health answers and the log.</summary>
    public static string Name(this LocalResource resource) => Names[(int)resource];

    /// <summary>
    /// Returns the resource whose shortage kept a socket to <paramref name="endpoint"/> from being opened or connected;
    /// null for any other failure.
    /// </summary>
    public static LocalResource? FindShortage(SocketException failure, IPEndPoint endpoint) =>
        failure.SocketErrorCode switch
        {
            SocketError.TooManyOpenSockets => LocalResource.Files,
            SocketError.NoBufferSpaceAvailable => LocalResource.Memory,
            // .NET maps every error of socket() and connect() except ENOMEM.
            SocketError.SocketError => LocalResource.Memory,
            SocketError.AddressNotAvailable when HasSourceFor(endpoint) => LocalResource.Ports,
            _ => null,
        };

    /// <summary>Returns the resource whose shortage made a request fail; null for any other failure.</summary>
    public static LocalResource? FindShortage(Exception failure)
    {
        for (var cause = failure; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case LocalShortageException shortage:
                    return shortage.Resource;
                case NameResolutionException { Kind: NameResolutionFailure.OutOfFiles }:
                    return LocalResource.Files;
                case OutOfMemoryException:
                    return LocalResource.Memory;
                case AuthenticationException when AreFilesOut(): // the files of trusted authorities could not be read
                    return LocalResource.Files;
            }
        }

        return null;
    }

    /// <summary>
    /// Checks whether the process is unable to open any file at present; used for failures that do not name their
    /// cause.
    /// </summary>
    public static bool AreFilesOut()
    {
        try
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            return false;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode is SocketError.TooManyOpenSockets;
        }
    }

    /// <summary>
    /// Checks whether the machine has a source address to reach <paramref name="endpoint"/> from. Without one (IPv6
    /// switched off) the kernel reports the same error as without a free port. Connects a datagram socket, which sends
    /// nothing.
    /// </summary>
    private static bool HasSourceFor(IPEndPoint endpoint)
    {
        try
        {
            using var socket = new Socket(endpoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            socket.Connect(endpoint);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
