using System.Buffers;

namespace AkkaCharging.Requests;

/// <summary>
/// The token by which a driver is identified; a secret. Its text form is masked, so that no log, trace or error
/// contains it by accident.
/// </summary>
public sealed class DriverToken : IEquatable<DriverToken>
{
    /// <summary>Maximum length of a token, in characters and bytes.</summary>
    public const int LengthMax = 80;

    private const int MaskedLengthMax = 4;
    private const int MaskedShare = 4;

    private DriverToken(string secret) => Secret = secret;

    /// <summary>The token in clear, only for the authorizer, the callback body and the encrypted journal.</summary>
    public string Secret { get; }

    /// <summary>
    /// The masked token: its first four characters (of a short token, its first quarter) and <c>***</c>.
    /// </summary>
    public string Masked => string.Concat(ShownOf(Secret), "***");

    /// <summary>
    /// Creates a token of 20 to 80 letters, digits, <c>-</c>, <c>.</c>, <c>_</c> or <c>~</c>; null for any other text.
    /// </summary>
    public static DriverToken? TryCreate(string? text) => TryCreate(text, DriverTokenRules.Default);

    /// <inheritdoc/>
    public bool Equals(DriverToken? other) =>
        other is not null && string.Equals(Secret, other.Secret, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as DriverToken);

    /// <inheritdoc/>
    public override int GetHashCode() => Secret.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc cref="Masked"/>
    public override string ToString() => Masked;

    /// <summary>Returns the beginning of a text that may be shown although the text may be a token.</summary>
    internal static ReadOnlySpan<char> ShownOf(ReadOnlySpan<char> text) =>
        text[..Math.Min(MaskedLengthMax, text.Length / MaskedShare)];

    /// <summary>Creates a token that <paramref name="rules"/> allow; null for any other text.</summary>
    internal static DriverToken? TryCreate(string? text, DriverTokenRules rules) =>
        rules.Allow(text) ? new DriverToken(text!) : null;

    /// <summary>Reads a token that was accepted earlier, under any rules.</summary>
    internal static DriverToken FromJournal(string text) => new(text);
}

/// <summary>The characters that a token may contain: <c>request.driverToken.characters</c>.</summary>
internal enum TokenCharacters
{
    /// <summary>Letters, digits, <c>-</c>, <c>.</c>, <c>_</c> and <c>~</c>.</summary>
    Seed,

    /// <summary>
    /// The characters of <see cref="Seed"/>, and those of OCPP: <c>*</c>, <c>=</c>, <c>:</c>, <c>+</c>, <c>|</c>,
    /// <c>@</c> and <c>#</c>.
    /// </summary>
    Ocpp,
}

/// <summary>The rules for driver tokens: block <c>request.driverToken</c>.</summary>
/// <param name="LengthMin">Minimum length.</param>
/// <param name="AreTyped">Whether a <see cref="TypedToken"/> is allowed too, with an identifier of 1 to 36 characters
/// that OCPP allows: <c>authorization.typedTokens</c>.</param>
internal sealed record DriverTokenRules(int LengthMin, TokenCharacters Characters, bool AreTyped = false)
{
    private const string Seed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    private static readonly SearchValues<char> SeedCharacters = SearchValues.Create(Seed);

    // Only characters that JSON does not escape, because a callback's body contains tokens unescaped.
    private static readonly SearchValues<char> OcppCharacters = SearchValues.Create(Seed + "*=:+|@#");

    /// <summary>Minimum length of a token that cannot be guessed.</summary>
    public const int SafeLengthMin = 20;

    /// <summary>Smallest minimum length that can be configured.</summary>
    public const int ShortestMin = 4;

    /// <summary>The default rules.</summary>
    public static DriverTokenRules Default { get; } = new(SafeLengthMin, TokenCharacters.Seed);

    /// <summary>The rules that allow every token that some setting allows.</summary>
    public static DriverTokenRules Widest { get; } = new(ShortestMin, TokenCharacters.Ocpp);

    /// <summary>The rules in words: <c>20-80 characters of letters, …</c></summary>
    public string Expected =>
        $"{LengthMin}-{DriverToken.LengthMax} characters of letters, digits, '-', '.', '_' or '~'"
        + (Characters == TokenCharacters.Seed ? "" : ", and '*', '=', ':', '+', '|', '@' or '#'")
        + (AreTyped ? ", or a typed token such as ocpi.uid.RFID~04AABBCC" : "");

    /// <summary>Checks whether <paramref name="text"/> is a token by these rules.</summary>
    public bool Allow(string? text) => text is { Length: <= DriverToken.LengthMax } && (IsPlain(text) || IsTyped(text));

    private bool IsPlain(string text) =>
        text.Length >= LengthMin
        && !text.AsSpan().ContainsAnyExcept(Characters == TokenCharacters.Seed ? SeedCharacters : OcppCharacters);

    private bool IsTyped(string text) =>
        AreTyped
        && TypedToken.TryRead(text, out _, out _, out var uid)
        && uid.Length <= TypedToken.UidLengthMax
        && !uid.ContainsAnyExcept(OcppCharacters);
}
