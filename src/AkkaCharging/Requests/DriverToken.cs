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

    private const int LengthMin = 20;
    private static readonly SearchValues<char> Allowed = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    );

    private DriverToken(string secret) => Secret = secret;

    /// <summary>
    /// The token in clear: for the authorizer, the callback body and the encrypted journal, and for nothing else.
    /// </summary>
    public string Secret { get; }

    /// <summary>The first four characters and <c>***</c>.</summary>
    public string Masked => string.Concat(Secret.AsSpan(0, 4), "***");

    /// <summary>
    /// Reads 20 to 80 letters, digits, <c>-</c>, <c>.</c>, <c>_</c> or <c>~</c>; null for anything else.
    /// </summary>
    public static DriverToken? TryCreate(string? text) =>
        text is { Length: >= LengthMin and <= LengthMax } && !text.AsSpan().ContainsAnyExcept(Allowed)
            ? new DriverToken(text)
            : null;

    /// <inheritdoc/>
    public bool Equals(DriverToken? other) =>
        other is not null && string.Equals(Secret, other.Secret, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as DriverToken);

    /// <inheritdoc/>
    public override int GetHashCode() => Secret.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc cref="Masked"/>
    public override string ToString() => Masked;
}
