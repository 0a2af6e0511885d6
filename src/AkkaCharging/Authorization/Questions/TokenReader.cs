using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Questions;

/// <summary>Reads whom a driver token stands for.</summary>
/// <param name="areTyped">Whether tokens such as <c>ocpi.uid.RFID~04AABBCC</c> name their type:
/// <c>authorization.typedTokens</c>.</param>
/// <param name="normalization">What identifiers are brought to: <c>authorization.normalize</c>.</param>
internal sealed class TokenReader(bool areTyped, TokenNormalization normalization)
{
    private const string TypedPrefix = "ocpi.uid.";
    private const char UidMark = '~';
    private const int TypeLengthMax = 36;
    private const int PartyLength = 5; // two letters of the country, three characters of the party

    // Without and with check digit; the lengths of eMA ids by ISO 15118-1 and eMI3, and of contract ids by DIN SPEC
    // 91286, without what separates their parts.
    private const int EmaidLength = 14;
    private const int DinLength = 12;

    /// <summary>Reads <paramref name="token"/>. What is no typed token stands for itself.</summary>
    public TokenIdentity Read(DriverToken token)
    {
        var text = token.Secret;
        if (!areTyped || !text.StartsWith(TypedPrefix, StringComparison.Ordinal))
            return new(Normalize(text));

        var head = text.AsSpan(TypedPrefix.Length);
        var mark = head.IndexOf(UidMark);
        if (mark < 0 || mark == head.Length - 1)
            return new(Normalize(text));
        var uid = head[(mark + 1)..].ToString();
        head = head[..mark];
        var dot = head.IndexOf('.');
        var type = dot < 0 ? head : head[..dot];
        var party = dot < 0 ? default : head[(dot + 1)..];
        if (!IsType(type) || (dot >= 0 && !IsParty(party)))
            return new(Normalize(text));
        return new(
            Normalize(uid),
            type.ToString().ToUpperInvariant(),
            dot < 0 ? null : party.ToString().ToUpperInvariant()
        );
    }

    /// <summary>Brings an identifier to the form that is looked up.</summary>
    public string Normalize(string uid) =>
        normalization switch
        {
            TokenNormalization.Upper => uid.ToUpperInvariant(),
            TokenNormalization.Rfid => NormalizeRfid(uid),
            TokenNormalization.Emaid => NormalizeEmaid(uid),
            _ => uid,
        };

    private static string NormalizeRfid(string uid)
    {
        var bare = string.Concat(uid.Where(character => character is not (':' or '-' or ' ')));
        return bare.Length > 0 && bare.Length % 2 == 0 && bare.All(char.IsAsciiHexDigit)
            ? bare.ToUpperInvariant()
            : uid.ToUpperInvariant();
    }

    // The check digit goes, because it may be left out. A contract id of DIN SPEC 91286 becomes the eMA id that eMI3
    // derives from it: its instance behind C0, and its own check digit as the last character.
    private static string NormalizeEmaid(string uid)
    {
        var bare = string.Concat(uid.Where(character => character is not ('-' or '*'))).ToUpperInvariant();
        if (!bare.All(char.IsAsciiLetterOrDigit) || bare.Length < 2 || !bare.AsSpan(0, 2).ContainsOnlyLetters())
            return uid.ToUpperInvariant();
        return bare.Length switch
        {
            EmaidLength => bare,
            EmaidLength + 1 => bare[..EmaidLength],
            DinLength => $"{bare.AsSpan(0, PartyLength)}C0{bare.AsSpan(PartyLength)}",
            _ => uid.ToUpperInvariant(),
        };
    }

    private static bool IsType(ReadOnlySpan<char> text)
    {
        foreach (var character in text)
        {
            if (!char.IsAsciiLetterOrDigit(character) && character != '_')
                return false;
        }

        return text.Length is > 0 and <= TypeLengthMax;
    }

    private static bool IsParty(ReadOnlySpan<char> text)
    {
        if (text.Length != PartyLength || !text[..2].ContainsOnlyLetters())
            return false;
        foreach (var character in text)
        {
            if (!char.IsAsciiLetterOrDigit(character))
                return false;
        }

        return true;
    }
}

internal static class LetterSpans
{
    /// <summary>Whether all of <paramref name="text"/> are ASCII letters.</summary>
    public static bool ContainsOnlyLetters(this ReadOnlySpan<char> text)
    {
        foreach (var character in text)
        {
            if (!char.IsAsciiLetter(character))
                return false;
        }

        return true;
    }
}
