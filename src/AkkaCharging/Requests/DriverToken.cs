using System.Buffers;

namespace AkkaCharging.Requests;

/// <summary>
/// What a driver identifies with: a secret. Its text form is masked, so that no log, trace or error can carry it by
/// accident.
/// </summary>
public sealed class DriverToken : IEquatable<DriverToken>
{
    /// <summary>Most characters, and bytes, of a token.</summary>
    public const int LengthMax = 80;

    private const int MaskedLengthMax = 4;
    private const int MaskedShare = 4;

    private DriverToken(string secret) => Secret = secret;

    /// <summary>
    /// The token in clear: for the authorizer, the callback body and the encrypted journal, and for nothing else.
    /// </summary>
    public string Secret { get; }

    /// <summary>The first four characters, of a short token the first quarter, and <c>***</c>.</summary>
    public string Masked =>
        string.Concat(Secret.AsSpan(0, Math.Min(MaskedLengthMax, Secret.Length / MaskedShare)), "***");

    /// <summary>
    /// Reads 20 to 80 letters, digits, <c>-</c>, <c>.</c>, <c>_</c> or <c>~</c>; null for anything else.
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

    /// <summary>Reads a token by the rules of this service; null for anything else.</summary>
    internal static DriverToken? TryCreate(string? text, DriverTokenRules rules) =>
        rules.Allow(text) ? new DriverToken(text!) : null;

    /// <summary>A token that was accepted before, by whatever rules.</summary>
    internal static DriverToken FromJournal(string text) => new(text);
}

/// <summary>Which characters a token may hold: <c>request.driverToken.characters</c>.</summary>
internal enum TokenCharacters
{
    /// <summary>Letters, digits, <c>-</c>, <c>.</c>, <c>_</c> and <c>~</c>.</summary>
    Seed,

    /// <summary>Also what OCPP has: <c>*</c>, <c>=</c>, <c>:</c>, <c>+</c>, <c>|</c>, <c>@</c> and <c>#</c>.</summary>
    Ocpp,
}

/// <summary>What a driver token may look like: block <c>request.driverToken</c>.</summary>
/// <param name="LengthMin">Fewest characters.</param>
internal sealed record DriverTokenRules(int LengthMin, TokenCharacters Characters)
{
    private const string Seed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    private static readonly SearchValues<char> SeedCharacters = SearchValues.Create(Seed);

    // JSON escapes none of them: the callback's body is written as it stands.
    private static readonly SearchValues<char> OcppCharacters = SearchValues.Create(Seed + "*=:+|@#");

    /// <summary>Fewest characters of a token that is too long to be guessed.</summary>
    public const int SafeLengthMin = 20;

    /// <summary>Fewest characters that can be asked for.</summary>
    public const int ShortestMin = 4;

    /// <summary>The rules without any setting.</summary>
    public static DriverTokenRules Default { get; } = new(SafeLengthMin, TokenCharacters.Seed);

    /// <summary>Every token that some setting allows.</summary>
    public static DriverTokenRules Widest { get; } = new(ShortestMin, TokenCharacters.Ocpp);

    /// <summary>The rules in words: <c>20-80 characters of letters, …</c></summary>
    public string Expected =>
        $"{LengthMin}-{DriverToken.LengthMax} characters of letters, digits, '-', '.', '_' or '~'"
        + (Characters == TokenCharacters.Seed ? "" : ", and '*', '=', ':', '+', '|', '@' or '#'");

    /// <summary>Whether <paramref name="text"/> is a token by these rules.</summary>
    public bool Allow(string? text) =>
        text is not null
        && text.Length >= LengthMin
        && text.Length <= DriverToken.LengthMax
        && !text.AsSpan().ContainsAnyExcept(Characters == TokenCharacters.Seed ? SeedCharacters : OcppCharacters);
}
