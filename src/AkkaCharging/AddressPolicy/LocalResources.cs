using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;

namespace AkkaCharging.AddressPolicy;

/// <summary>What this process, or its machine, can run out of when it opens a connection.</summary>
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
/// A connection could not be opened for lack of something of our own: the receiver has no part in it.
/// </summary>
internal sealed class LocalShortageException(LocalResource resource, Exception inner)
    : Exception($"No connection could be opened: out of {resource.Name()}.", inner)
{
    /// <summary>What there was too little of.</summary>
    public LocalResource Resource { get; } = resource;
}

/// <summary>Tells failures that are ours from those of a receiver.</summary>
internal static class LocalResources
{
    private static readonly string[] Names = ["files", "ports", "memory"];

    /// <summary>As metrics, health and log spell it.</summary>
    public static string Name(this LocalResource resource) => Names[(int)resource];

    /// <summary>
    /// What was lacking when a socket to <paramref name="endpoint"/> could not be made or connected; null when nothing
    /// was.
    /// </summary>
    public static LocalResource? FindShortage(SocketException failure, IPEndPoint endpoint) =>
        failure.SocketErrorCode switch
        {
            SocketError.TooManyOpenSockets => LocalResource.Files,
            SocketError.NoBufferSpaceAvailable => LocalResource.Memory,
            // an error number that .NET has no name for: among those of socket() and connect() that is ENOMEM
            SocketError.SocketError => LocalResource.Memory,
            SocketError.AddressNotAvailable when HasSourceFor(endpoint) => LocalResource.Ports,
            _ => null,
        };

    /// <summary>What was lacking when a request failed; null when nothing was.</summary>
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

    /// <summary>Whether no file can be opened at this moment, for failures that do not say why.</summary>
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
    /// Whether the machine has an address to reach <paramref name="endpoint"/> from. Without one (IPv6 switched off)
    /// the kernel reports the same error as without a free port. A datagram socket is told, and sends nothing.
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
