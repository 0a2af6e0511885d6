using System.Buffers;

namespace AkkaCharging.Settings;

/// <summary>
/// Values of settings as messages, logs and the operators' API repeat them: without what may be a secret that was
/// written in the wrong place.
/// </summary>
internal static class ShownValue
{
    /// <summary>Replaces a value that may hold a key, a token or a password.</summary>
    public const string Hidden = "(not shown: it may hold a secret)";

    /// <summary>Replaces a URL, with or without its scheme, that may hold user info.</summary>
    public const string HiddenUserInfo = "(not shown: user info)";

    private const int LengthMax = 80;
    private const int HexDigitsMin = 32; // 128 bits
    private const int Base64DigitsMin = 22; // 128 bits

    private static readonly SearchValues<char> Separators = SearchValues.Create(",; \t\r\n");

    private static readonly SearchValues<char> Hexadecimal = SearchValues.Create("0123456789abcdefABCDEF");

    private static readonly SearchValues<char> Base64Digits = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
    );

    private static readonly SearchValues<string> Marks = SearchValues.Create(
        ["whsec_", "-----BEGIN", "Bearer ", "password=", "pwd=", "passwd=", "secret=", "token=", "apikey=", "key="],
        StringComparison.OrdinalIgnoreCase
    );

    /// <summary>
    /// <paramref name="value"/> for people: on one line, at most 80 characters, without a URL's query and fragment.
    /// </summary>
    public static string Of(string value) => OnOneLine(WithoutSecrets(value));

    /// <summary><paramref name="path"/> as it is, unless it may hold a secret.</summary>
    public static string OfFile(string path) => WithoutSecrets(path).ToString();

    /// <summary>Why a file could not be read: the text of <paramref name="cause"/> if it may be shown.</summary>
    public static string Reason(Exception cause, string path) =>
        string.Equals(OfFile(path), path, StringComparison.Ordinal) ? cause.Message : "it cannot be read";

    private static ReadOnlySpan<char> WithoutSecrets(string value)
    {
        if (value.Contains('@', StringComparison.Ordinal))
            return HiddenUserInfo;
        var shown = value.AsSpan();
        if (shown.IndexOfAny('?', '#') is var end and >= 0)
            shown = shown[..end];
        return MayHoldSecret(shown) ? Hidden : shown;
    }

    private static bool MayHoldSecret(ReadOnlySpan<char> text)
    {
        if (text.ContainsAny(Marks))
            return true;
        foreach (var part in text.SplitAny(Separators))
        {
            if (IsHexKey(text[part]) || IsBase64Key(text[part]))
                return true;
        }

        return false;
    }

    private static bool IsHexKey(ReadOnlySpan<char> text) =>
        text.Length >= HexDigitsMin && !text.ContainsAnyExcept(Hexadecimal);

    /// <summary>
    /// Whether <paramref name="text"/> is base64 of 128 bits or more. A path is told from it by a dot, a leading slash,
    /// or by what names hardly ever have together: capitals, small letters and digits.
    /// </summary>
    private static bool IsBase64Key(ReadOnlySpan<char> text)
    {
        var digits = text.TrimEnd('=');
        return digits.Length >= Base64DigitsMin
            && digits[0] != '/'
            && !digits.ContainsAnyExcept(Base64Digits)
            && (
                digits.Length < text.Length
                || (
                    digits.ContainsAnyInRange('0', '9')
                    && digits.ContainsAnyInRange('A', 'Z')
                    && digits.ContainsAnyInRange('a', 'z')
                )
            );
    }

    private static string OnOneLine(ReadOnlySpan<char> text) =>
        string.Concat(text[..Math.Min(text.Length, LengthMax)].ToArray().Select(c => char.IsControl(c) ? '?' : c))
        + (text.Length > LengthMax ? "…" : "");
}
