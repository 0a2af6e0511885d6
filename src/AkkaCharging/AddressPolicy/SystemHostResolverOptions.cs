using System.Net;

namespace AkkaCharging.AddressPolicy;

/// <summary>Bounds of <see cref="SystemHostResolver"/>.</summary>
internal sealed record SystemHostResolverOptions
{
    /// <summary>Number of threads, at least 2; half of them serve only names that answered before.</summary>
    public int Threads { get; init; } = 4;

    /// <summary>
    /// Maximum number of queued look-ups, separately for names that answered before and for all others.
    /// </summary>
    public int QueueCapacity { get; init; } = 4_096;

    /// <summary>How long a caller waits for an answer.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// How long a failed look-up is cached. Short, so that one of the next two attempts finds a repaired name.
    /// </summary>
    public TimeSpan FailureLifetime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Looks up a name without a trailing dot; may block, and may throw
    /// <see cref="System.Net.Sockets.SocketException"/>.
    /// </summary>
    /// <remarks>The default reads the hosts file and asks for the absolute name, without any search list.</remarks>
    public Func<string, IPAddress[]> Lookup { get; init; } = AbsoluteLookup.OfSystem.Find;

    /// <summary>
    /// Checks whether this process is unable to open any file; asked after a failed look-up, which does not name its
    /// cause.
    /// </summary>
    public Func<bool> AreFilesOut { get; init; } = LocalResources.AreFilesOut;
}
