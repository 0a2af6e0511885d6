using System.Buffers;
using AkkaCharging.Authorization.Ocpi;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Questions;

/// <summary>Reads the identity that a driver token names.</summary>
/// <param name="areTyped">Whether tokens such as <c>ocpi.uid.RFID~04AABBCC</c> name their type:
/// <c>authorization.typedTokens</c>.</param>
/// <param name="normalization">The form that identifiers are converted to: <c>authorization.normalize</c>.</param>
internal sealed class TokenReader(bool areTyped, TokenNormalization normalization)
{
    private const int PartyLength = 5; // in an eMA id: two letters for the country, three characters for the provider

    // Lengths without and with check digit, not counting separators: eMA ids by ISO 15118-1 and eMI3, contract ids by
    // DIN SPEC 91286.
    private const int EmaidLength = 14;
    private const int DinLength = 12;

    private const string AllLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private static readonly SearchValues<char> Letters = SearchValues.Create(AllLetters);
    private static readonly SearchValues<char> LettersAndDigits = SearchValues.Create(AllLetters + "0123456789");

    /// <summary>Reads <paramref name="token"/>. A token that is not typed is its own identity.</summary>
    public TokenIdentity Read(DriverToken token)
    {
        var text = token.Secret;
        return areTyped && TypedToken.TryRead(text, out var type, out var party, out var uid)
            ? Identify(
                uid.ToString(),
                type.ToString().ToUpperInvariant(),
                party.IsEmpty ? null : party.ToString().ToUpperInvariant()
            )
            : Identify(text);
    }

    /// <summary>Converts an identifier to the form that is looked up.</summary>
    public string Normalize(string uid) =>
        normalization switch
        {
            TokenNormalization.Upper => uid.ToUpperInvariant(),
            TokenNormalization.Rfid => NormalizeRfid(uid),
            TokenNormalization.Emaid => NormalizeEmaid(uid),
            _ => uid,
        };

    private TokenIdentity Identify(string uid, string? type = null, string? party = null)
    {
        var identity = new TokenIdentity(Normalize(uid), type, party);
        return IsSentAsWritten(type) ? identity with { WrittenUid = uid } : identity;
    }

    // What names another type than a card may be a UUID, whose hyphens its issuer expects.
    private bool IsSentAsWritten(string? type) =>
        normalization == TokenNormalization.Emaid
        || (normalization == TokenNormalization.Rfid && type is not null && !OcpiVersion.IsCard(type));

    private static string NormalizeRfid(string uid)
    {
        var bare = string.Concat(uid.Where(character => character is not (':' or '-' or ' ')));
        return bare.Length > 0 && bare.Length % 2 == 0 && bare.All(char.IsAsciiHexDigit)
            ? bare.ToUpperInvariant()
            : uid.ToUpperInvariant();
    }

    // The optional check digit is removed. A contract id of DIN SPEC 91286 becomes the eMA id that eMI3 derives from
    // it: C0, its instance, and its own check digit as the last character.
    private static string NormalizeEmaid(string uid)
    {
        var bare = string.Concat(uid.Where(character => character is not ('-' or '*'))).ToUpperInvariant();
        if (bare.Length < 2 || !AreLetters(bare.AsSpan(0, 2)) || bare.AsSpan().ContainsAnyExcept(LettersAndDigits))
            return uid.ToUpperInvariant();
        return bare.Length switch
        {
            EmaidLength => bare,
            EmaidLength + 1 => bare[..EmaidLength],
            DinLength => $"{bare.AsSpan(0, PartyLength)}C0{bare.AsSpan(PartyLength)}",
            _ => uid.ToUpperInvariant(),
        };
    }

    private static bool AreLetters(ReadOnlySpan<char> text) => !text.ContainsAnyExcept(Letters);
}
