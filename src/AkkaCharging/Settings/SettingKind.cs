using System.Buffers.Text;
using System.Globalization;
using System.Net;

namespace AkkaCharging.Settings;

/// <summary>Parses the text of a setting.</summary>
internal delegate bool TryRead<T>(string text, out T value);

/// <summary>The kind of a setting, or of an item of a list.</summary>
/// <param name="Expected">Completes the sentence "expected …" of a problem.</param>
/// <param name="Fallback">Replaces an invalid value until all problems are collected; never used by the
/// service.</param>
/// <param name="Secret">Whether the value is never shown.</param>
/// <param name="IsUrl">Whether the path of the value is never shown, even if the value is invalid.</param>
internal sealed record SettingKind<T>(
    string Expected,
    TryRead<T> TryRead,
    T Fallback,
    bool Secret = false,
    bool IsUrl = false
)
{
    /// <summary>Formats a value for people; null for a secret.</summary>
    public Func<string, string>? Show =>
        Secret ? null
        : IsUrl ? ShownValue.OfUrl
        : ShownValue.Of;
}

/// <summary>The kinds of settings.</summary>
internal static class SettingKind
{
    private const NumberStyles Decimals =
        NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;

    public static SettingKind<bool> Flag { get; } = new("true or false", bool.TryParse, Fallback: false);

    public static SettingKind<string> Text { get; } = Texts("text", _ => true);

    public static SettingKind<string> NonEmpty { get; } =
        Texts("text that is not empty", text => text.Trim().Length > 0);

    /// <remarks>Messages name the path, which a connection string in its place must not reach.</remarks>
    public static SettingKind<string> JournalPath { get; } =
        Texts("the path of a file; the place of a connection string is journal.connectionString", IsJournalPath);

    /// <summary>A token that can be sent in a header.</summary>
    public static SettingKind<string> Token { get; } =
        Texts("printable ASCII without spaces, or empty", IsToken, secret: true);

    public static SettingKind<string> Secret { get; } = Texts("text", _ => true, secret: true);

    public static SettingKind<string> NonEmptySecret { get; } = NonEmpty with { Secret = true };

    public static SettingKind<string> Sha256 { get; } =
        Texts("64 hexadecimal digits", text => text.Length == 64 && text.All(char.IsAsciiHexDigit), secret: true);

    /// <remarks>The format of Standard Webhooks 1.0.0: the secret's bytes in base64 after a prefix.</remarks>
    public static SettingKind<string> SigningKey { get; } =
        Texts("whsec_ and 24 to 64 bytes in base64", IsSigningKey, secret: true);

    /// <remarks>A key of AES-256.</remarks>
    public static SettingKind<string> EncryptionKey { get; } =
        Texts("32 bytes in base64", IsEncryptionKey, secret: true);

    public static SettingKind<string> HostPattern { get; } =
        Texts("a host name, *.example.com for all below it", IsHostPattern);

    public static SettingKind<string> Host { get; } = Texts("a host name or an IP address", IsHost);

    public static SettingKind<string> OptionalHost { get; } =
        Texts("a host name or an IP address, or empty", text => text.Length == 0 || IsHost(text));

    public static SettingKind<string> HostAndPort { get; } =
        Texts("a host and a port such as node-1:2552", IsHostAndPort);

    public static SettingKind<string> Origin { get; } = Texts("* or an origin such as https://example.com", IsOrigin);

    public static SettingKind<Uri?> OptionalUrl { get; } =
        new("an http or https URL without user info, or empty", TryUrl, Fallback: null, IsUrl: true);

    /// <remarks>The name is used as a metric label and in logs.</remarks>
    public static SettingKind<string> PartnerName { get; } =
        Texts(
            "1 to 40 letters, digits, - or _",
            text => text.Length is > 0 and <= 40 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')
        );

    public static SettingKind<string> OptionalCountryCode { get; } =
        Capitals("two letters, or empty", text => text.Length == 0 || IsCountryCode(text));

    public static SettingKind<string> OptionalPartyId { get; } =
        Capitals("three letters or digits, or empty", text => text.Length == 0 || IsPartyId(text));

    public static SettingKind<string> Party { get; } =
        Capitals(
            "a party such as NL-TNM",
            text => text.Length == 6 && IsCountryCode(text[..2]) && text[2] == '-' && IsPartyId(text[3..])
        );

    public static SettingKind<string> ContractProvider { get; } =
        Capitals(
            "a prefix of contract ids such as NLTNM",
            text => text.Length == 5 && IsCountryCode(text[..2]) && IsPartyId(text[2..])
        );

    public static SettingKind<IPNetwork> Network { get; } =
        new("a network such as 10.1.0.0/16 or 127.0.0.1/32", TryNetwork, Fallback: default);

    public static SettingKind<int> Whole(int min, int max) =>
        new(
            $"a whole number from {min} to {max}",
            (string text, out int value) =>
                int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value)
                && value >= min
                && value <= max,
            Fallback: min
        );

    public static SettingKind<double> Number(double min, double max) =>
        new(
            $"a number from {min} to {max}",
            (string text, out double value) =>
                double.TryParse(text, Decimals, CultureInfo.InvariantCulture, out value)
                && value >= min
                && value <= max,
            Fallback: min
        );

    public static SettingKind<string> OneOf(params IReadOnlyList<string> words) =>
        Texts($"one of {string.Join(", ", words)}", words.Contains);

    public static SettingKind<T> Choice<T>()
        where T : struct, Enum =>
        new(
#pragma warning disable CA1308 // Lower case is how HOCON files write them.
            $"one of {string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()}",
#pragma warning restore CA1308
            // Enum.TryParse alone also accepts numbers and combinations.
            (string text, out T value) =>
                Enum.TryParse(text, ignoreCase: true, out value)
                && string.Equals(value.ToString(), text, StringComparison.OrdinalIgnoreCase),
            Fallback: default
        );

    private static SettingKind<string> Texts(string expected, Predicate<string> holds, bool secret = false) =>
        new(expected, (string text, out string value) => holds(value = text), Fallback: "", secret);

    /// <summary>A case-insensitive text, converted to capitals.</summary>
    private static SettingKind<string> Capitals(string expected, Predicate<string> holds) =>
        new(expected, (string text, out string value) => holds(value = text.ToUpperInvariant()), Fallback: "");

    private static bool IsCountryCode(string text) => text.Length == 2 && text.All(char.IsAsciiLetter);

    private static bool IsPartyId(string text) => text.Length == 3 && text.All(char.IsAsciiLetterOrDigit);

    internal static bool IsToken(string text) => text.All(c => c is > ' ' and <= '~');

    private static bool IsSigningKey(string text)
    {
        const string Prefix = "whsec_";
        return text.StartsWith(Prefix, StringComparison.Ordinal)
            && Base64.IsValid(text.AsSpan(Prefix.Length), out var bytes)
            && bytes is >= 24 and <= 64;
    }

    private static bool IsEncryptionKey(string text) => Base64.IsValid(text, out var bytes) && bytes == 32;

    private static bool IsJournalPath(string text) =>
        text.Trim().Length > 0
        && !text.Contains("://", StringComparison.Ordinal)
        && !ShownValue.GivesPassword(text)
        && !(text.Contains('=', StringComparison.Ordinal) && text.Contains(';', StringComparison.Ordinal));

    private static bool IsHostPattern(string text)
    {
        var name = text.StartsWith("*.", StringComparison.Ordinal) ? text[2..] : text;
        return name.Length > 0 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-');
    }

    private static bool IsHost(string text) => Uri.CheckHostName(text) != UriHostNameType.Unknown;

    private static bool IsHostAndPort(string text)
    {
        var colon = text.LastIndexOf(':');
        return colon > 0
            && IsHost(text[..colon])
            // Without brackets, the end of an IPv6 address would be ambiguous.
            && (text[0] == '[' || !text[..colon].Contains(':'))
            && int.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port is > 0 and <= 65_535;
    }

    private static bool IsOrigin(string text) =>
        text is "*"
        || (
            TryUrl(text, out var url)
            && string.Equals(url?.GetLeftPart(UriPartial.Authority), text, StringComparison.OrdinalIgnoreCase)
        );

    /// <remarks>
    /// IPNetwork.TryParse alone also accepts 10.0.0.1/8 and 10.1/16, as a different network than intended.
    /// </remarks>
    private static bool TryNetwork(string text, out IPNetwork network) =>
        IPNetwork.TryParse(text, out network)
        && (
            text.Contains(':')
                ? !text.Contains('%') && network.BaseAddress.Equals(IPAddress.Parse(text.Split('/')[0]))
                : text.Equals(network.ToString(), StringComparison.Ordinal)
        );

    private static bool TryUrl(string text, out Uri? url)
    {
        url = null;
        return text.Length == 0
            || (
                Uri.TryCreate(text, UriKind.Absolute, out url)
                && url.Scheme is "http" or "https"
                && url.UserInfo.Length == 0
                && url.Host.Length > 0
            );
    }
}
