using System.Net;

namespace AkkaCharging.AddressPolicy;

/// <summary>Bounds of <see cref="SystemHostResolver"/>.</summary>
internal sealed record SystemHostResolverOptions
{
    /// <summary>At least 2; half of them serve only names that answered before.</summary>
    public int Threads { get; init; } = 4;

    /// <summary>
    /// Look-ups that wait for a thread, counted separately for names that answered before and for all others.
    /// </summary>
    public int QueueCapacity { get; init; } = 4_096;

    /// <summary>How long a caller waits.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// How long a name that failed fails at once. Short, so that a repaired name is found by the next attempt or the
    /// one after.
    /// </summary>
    public TimeSpan FailureLifetime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The look-up itself, of a name without a dot at its end; may block, and may throw
    /// <see cref="System.Net.Sockets.SocketException"/>.
    /// </summary>
    /// <remarks>By default the hosts file and the absolute name alone: no search list completes it.</remarks>
    public Func<string, IPAddress[]> Lookup { get; init; } = AbsoluteLookup.OfSystem.Find;
}
