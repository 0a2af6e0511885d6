using System.Buffers.Binary;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>Selects requests: those that match all that is given.</summary>
/// <param name="From">Accepted then or later.</param>
/// <param name="To">Accepted earlier.</param>
/// <param name="Destination">Scheme, host and port of the callback URL.</param>
/// <param name="Cause">Cause of the last callback attempt.</param>
/// <remarks>
/// A request's id begins with the millisecond of its acceptance, so that the ids' index finds a time and gives the
/// order. Nothing else has an index: each would cost every accepted request a page write at a random place, to spare a
/// rare search one reading of a million rows at the most.
/// </remarks>
internal sealed record RequestQuery(
    StationId? Station = null,
    byte[]? TokenFingerprint = null,
    DateTimeOffset? From = null,
    DateTimeOffset? To = null,
    DestinationKey? Destination = null,
    RequestState? State = null,
    AttemptCause? Cause = null
)
{
    /// <summary>No id of a match is smaller.</summary>
    public RequestId FirstId => From is { } from ? SmallestId(from.ToUnixTimeMilliseconds()) : default;

    /// <summary>Every id of a match is smaller.</summary>
    public RequestId EndId => To is { } to ? SmallestId(to.ToUnixTimeMilliseconds() + 1) : new(Guid.AllBitsSet);

    /// <summary>Ticks that no match is earlier than.</summary>
    public long FromTicks => (From ?? DateTimeOffset.MinValue).UtcTicks;

    /// <summary>Ticks that every match is earlier than.</summary>
    public long ToTicks => To?.UtcTicks ?? long.MaxValue;

    /// <summary>How the column of attempts ends where the last attempt has <see cref="Cause"/>; null for any.</summary>
    public string? AttemptsLike => Cause is { } cause ? $"%,{cause.Name()};" : null;

    private static RequestId SmallestId(long millis)
    {
        var bytes = new byte[16];
        BinaryPrimitives.WriteInt64BigEndian(bytes, Math.Max(millis, 0) << 16);
        return new(new Guid(bytes, bigEndian: true));
    }
}
