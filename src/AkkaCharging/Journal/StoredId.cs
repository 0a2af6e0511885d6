using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>A request's id as 16 bytes in network order: sorts by time of acceptance, as its text does.</summary>
internal static class StoredId
{
    public static byte[] Of(RequestId id) => id.Value.ToByteArray(bigEndian: true);

    public static RequestId Read(byte[] stored) => new(new Guid(stored, bigEndian: true));
}
