namespace AkkaCharging.Authorization;

/// <summary>Whom a driver token stands for: what authorizers look up.</summary>
/// <remarks>
/// Read from the token by <c>authorization.typedTokens</c> and <c>authorization.normalize</c>; without these settings
/// the identity is the token itself. Its text form is masked, as that of the token.
/// </remarks>
/// <param name="Uid">The identifier without type and party, normalized: a secret.</param>
/// <param name="Type">The type that the token names, as <c>RFID</c>; null when it names none.</param>
/// <param name="Party">The party that the token names, in capitals and without a hyphen, as <c>NLTNM</c>; null when it
/// names none.</param>
public sealed record TokenIdentity(string Uid, string? Type = null, string? Party = null)
{
    /// <summary>The identifier for those who issued it: of a contract id as the caller wrote it, because its issuer may
    /// know it with its check digit alone; of anything else <see cref="Uid"/>.</summary>
    internal string WrittenUid { get; init; } = Uid;

    /// <inheritdoc/>
    public override string ToString() => $"{Type ?? "token"} ***";
}
