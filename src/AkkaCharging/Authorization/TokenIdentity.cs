namespace AkkaCharging.Authorization;

/// <summary>The identity that a driver token names and that authorizers look up.</summary>
/// <remarks>
/// It is read from the token by <c>authorization.typedTokens</c> and <c>authorization.normalize</c>; without these
/// settings it is the token itself. Its text form is masked like the token's.
/// </remarks>
/// <param name="Uid">The normalized identifier, without type and party; a secret.</param>
/// <param name="Type">The type that the token names, for example <c>RFID</c>; null when it names none.</param>
/// <param name="Party">The party that the token names, in capitals and without a hyphen, for example <c>NLTNM</c>; null
/// when it names none.</param>
public sealed record TokenIdentity(string Uid, string? Type = null, string? Party = null)
{
    /// <summary>
    /// The identifier to send to its issuer. A contract id stays as the caller wrote it, because its issuer may know it
    /// only with the check digit, and so does what is not the number of a card where numbers of cards are normalized;
    /// any other identifier is <see cref="Uid"/>.
    /// </summary>
    internal string WrittenUid { get; init; } = Uid;

    /// <inheritdoc/>
    public override string ToString() => $"{Type ?? "token"} ***";
}
