using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>A request's id as 16 bytes in network order: sorts by time of acceptance, as its text does.</summary>
internal static class StoredId
{
    private const int Length = 16;

    /// <summary>The SQL condition, in SQLite, of an id that is not damaged.</summary>
    public const string IsWhole = "length(id) = 16";

    public static byte[] Of(RequestId id) => id.Value.ToByteArray(bigEndian: true);

    /// <summary>
    /// Reads an id. A damaged one is cut or filled with zeros: a row must not hide the others because of it, and that
    /// id does not decrypt the row's secrets.
    /// </summary>
    public static RequestId Read(byte[] stored)
    {
        Array.Resize(ref stored, Length);
        return new(new Guid(stored, bigEndian: true));
    }
}
