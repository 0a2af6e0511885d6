using System.Buffers;

namespace AkkaCharging.Settings;

/// <summary>
/// Formats values of settings for messages, logs and the operators' API, hiding what may be a misplaced secret.
/// </summary>
internal static class ShownValue
{
    /// <summary>Replaces a value that may hold a key, a token or a password.</summary>
    public const string Hidden = "(not shown: it may hold a secret)";

    /// <summary>Replaces a URL, with or without its scheme, that may hold user info.</summary>
    public const string HiddenUserInfo = "(not shown: user info)";

    private const string HiddenPath = "/…";
    private const int LengthMax = 80;
    private const int HexDigitsMin = 32; // 128 bits
    private const int Base64DigitsMin = 22; // 128 bits

    private static readonly SearchValues<char> Separators = SearchValues.Create(",; \t\r\n");

    private static readonly SearchValues<char> Hexadecimal = SearchValues.Create("0123456789abcdefABCDEF");

    private static readonly SearchValues<char> Base64Digits = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
    );

    // The last two are what Npgsql takes for it too.
    private static readonly string[] Passwords = ["password=", "passwd=", "pwd=", "psw="];

    private static readonly SearchValues<string> PasswordMarks = SearchValues.Create(
        Passwords,
        StringComparison.OrdinalIgnoreCase
    );

    private static readonly SearchValues<string> Marks = SearchValues.Create(
        [.. Passwords, "whsec_", "akc_", "-----BEGIN", "Bearer ", "secret=", "token=", "apikey=", "key="],
        StringComparison.OrdinalIgnoreCase
    );

    /// <summary>
    /// Formats <paramref name="value"/> for people: on one line, at most 80 characters, and of a URL only scheme, host
    /// and port.
    /// </summary>
    public static string Of(string value) => OnOneLine(WithoutSecrets(value));

    /// <summary>
    /// Formats a value that should be a URL like <see cref="Of"/>; without a scheme, the path is hidden too.
    /// </summary>
    public static string OfUrl(string value)
    {
        var shown = WithoutSecrets(value);
        return OnOneLine(WithoutPath(shown, AuthorityOf(shown) ?? 0));
    }

    /// <summary>Returns <paramref name="path"/> unchanged, unless it may contain a secret.</summary>
    public static string OfFile(string path) => WithoutSecrets(path).ToString();

    /// <summary>
    /// Returns why a file could not be read: the text of <paramref name="cause"/>, unless that names a hidden path.
    /// </summary>
    public static string Reason(Exception cause, string path) =>
        string.Equals(OfFile(path), path, StringComparison.Ordinal) ? cause.Message : "it cannot be read";

    /// <summary>Checks whether <paramref name="value"/> gives a password, as connection strings do.</summary>
    public static bool GivesPassword(string value) => WithoutBlanks(value).ContainsAny(PasswordMarks);

    private static ReadOnlySpan<char> WithoutSecrets(string value)
    {
        if (value.Contains('@', StringComparison.Ordinal))
            return HiddenUserInfo;
        var shown = value.AsSpan();
        if (shown.IndexOfAny('?', '#') is var end and >= 0)
            shown = shown[..end];
        if (MayHoldSecret(shown))
            return Hidden;
        return AuthorityOf(shown) is { } authority ? WithoutPath(shown, authority) : shown;
    }

    /// <summary>Returns where the host of a URL begins; null without a scheme.</summary>
    private static int? AuthorityOf(ReadOnlySpan<char> text)
    {
        var scheme = text.IndexOf("://");
        return scheme < 0 ? null : scheme + "://".Length;
    }

    /// <summary>Removes the path of a URL, which may be a secret, as in incoming webhooks.</summary>
    private static ReadOnlySpan<char> WithoutPath(ReadOnlySpan<char> text, int authority)
    {
        var path = text[authority..].IndexOfAny('/', '\\');
        return path < 0 || authority + path + 1 == text.Length ? text : $"{text[..(authority + path)]}{HiddenPath}";
    }

    private static bool MayHoldSecret(ReadOnlySpan<char> text)
    {
        if (WithoutBlanks(text).ContainsAny(Marks))
            return true;
        foreach (var part in text.SplitAny(Separators))
        {
            if (IsHexKey(text[part]) || IsBase64Key(text[part]))
                return true;
        }

        return false;
    }

    /// <summary>Removes the blanks before each <c>=</c>, which connection strings may contain.</summary>
    private static ReadOnlySpan<char> WithoutBlanks(ReadOnlySpan<char> text)
    {
        if (!text.Contains('='))
            return text;
        var kept = new char[text.Length];
        var length = 0;
        foreach (var c in text)
        {
            while (c == '=' && length > 0 && char.IsWhiteSpace(kept[length - 1]))
                length--;
            kept[length++] = c;
        }

        return kept.AsSpan(0, length);
    }

    private static bool IsHexKey(ReadOnlySpan<char> text) =>
        text.Length >= HexDigitsMin && !text.ContainsAnyExcept(Hexadecimal);

    /// <summary>
    /// Checks whether <paramref name="text"/> is base64 of 128 bits or more. A path is distinguished by a dot, a
    /// leading slash, or the lack of capitals, small letters or digits, which keys hardly ever lack.
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
