using System.Buffers.Binary;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>Selects requests by all conditions that are set.</summary>
/// <param name="From">Earliest time of acceptance, inclusive.</param>
/// <param name="To">Latest time of acceptance, exclusive.</param>
/// <param name="Destination">Scheme, host and port of the callback URL.</param>
/// <param name="Cause">Cause of the last callback attempt.</param>
/// <remarks>
/// A request's id begins with the millisecond of its acceptance, so the index of the ids finds a time and gives the
/// order. No other column is indexed: each index would cost every accepted request a page write at a random place, to
/// spare a rare search reading a million rows at most.
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
    /// <summary>The smallest id that a match may have.</summary>
    public RequestId FirstId => From is { } from ? SmallestId(from.ToUnixTimeMilliseconds()) : default;

    /// <summary>The id before which every match lies.</summary>
    public RequestId EndId => To is { } to ? SmallestId(to.ToUnixTimeMilliseconds() + 1) : new(Guid.AllBitsSet);

    /// <summary>The earliest time of acceptance that a match may have, in ticks.</summary>
    public long FromTicks => (From ?? DateTimeOffset.MinValue).UtcTicks;

    /// <summary>The time of acceptance before which every match lies, in ticks.</summary>
    public long ToTicks => To?.UtcTicks ?? long.MaxValue;

    /// <summary>
    /// The LIKE pattern for the column of attempts whose last attempt has <see cref="Cause"/>; null for any.
    /// </summary>
    public string? AttemptsLike => StoredNames.AttemptsLike(Cause);

    /// <summary>Checks whether <paramref name="record"/> meets all conditions.</summary>
    public bool Matches(RequestRecord record) =>
        record.AcceptedAt.UtcTicks >= FromTicks
        && record.AcceptedAt.UtcTicks < ToTicks
        && (Station is null || string.Equals(record.StationId, Station.Text, StringComparison.OrdinalIgnoreCase))
        && (TokenFingerprint is null || record.TokenFingerprint.AsSpan().SequenceEqual(TokenFingerprint))
        && (Destination is null || string.Equals(record.Destination, Destination.ToString(), StringComparison.Ordinal))
        && (State is null || record.State == State)
        && (Cause is null || (record.Attempts is [.., var last] ? last.Cause : null) == Cause);

    private static RequestId SmallestId(long millis)
    {
        var bytes = new byte[16];
        BinaryPrimitives.WriteInt64BigEndian(bytes, Math.Max(millis, 0) << 16);
        return new(new Guid(bytes, bigEndian: true));
    }
}
