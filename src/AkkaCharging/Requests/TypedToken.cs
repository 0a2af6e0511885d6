using System.Buffers;

namespace AkkaCharging.Requests;

/// <summary>
/// The form of driver tokens that name the type of an identifier, and perhaps its party:
/// <c>ocpi.uid.RFID~04AABBCC</c>, <c>ocpi.uid.RFID.NLTNM~04AABBCC</c>.
/// </summary>
internal static class TypedToken
{
    /// <summary>Maximum length of an identifier in OCPP 2.0.1 and in OCPI, neither of which has a minimum.</summary>
    public const int UidLengthMax = 36;

    /// <summary>Length of the shortest typed token: type and identifier of one character each.</summary>
    public const int LengthMin = 12;

    private const string Prefix = "ocpi.uid.";
    private const char UidMark = '~';
    private const int TypeLengthMax = 36;
    private const int PartyLength = 5; // two letters for the country, three characters for the party

    private const string AllLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private static readonly SearchValues<char> Letters = SearchValues.Create(AllLetters);
    private static readonly SearchValues<char> LettersAndDigits = SearchValues.Create(AllLetters + "0123456789");
    private static readonly SearchValues<char> TypeCharacters = SearchValues.Create(AllLetters + "0123456789_");

    /// <summary>Returns the typed token of an identifier.</summary>
    public static string Of(string type, string uid) => $"{Prefix}{type}{UidMark}{uid}";

    /// <summary>Reads the parts of <paramref name="text"/>; false when it is not typed.</summary>
    /// <param name="party">Empty when the token names none.</param>
    public static bool TryRead(
        ReadOnlySpan<char> text,
        out ReadOnlySpan<char> type,
        out ReadOnlySpan<char> party,
        out ReadOnlySpan<char> uid
    )
    {
        type = party = uid = default;
        if (!text.StartsWith(Prefix, StringComparison.Ordinal))
            return false;
        var head = text[Prefix.Length..];
        var mark = head.IndexOf(UidMark);
        if (mark < 0 || mark == head.Length - 1)
            return false;
        uid = head[(mark + 1)..];
        head = head[..mark];
        var dot = head.IndexOf('.');
        type = dot < 0 ? head : head[..dot];
        party = dot < 0 ? default : head[(dot + 1)..];
        return type.Length is > 0 and <= TypeLengthMax
            && !type.ContainsAnyExcept(TypeCharacters)
            && (
                dot < 0
                || (
                    party.Length == PartyLength
                    && !party[..2].ContainsAnyExcept(Letters)
                    && !party.ContainsAnyExcept(LettersAndDigits)
                )
            );
    }
}
