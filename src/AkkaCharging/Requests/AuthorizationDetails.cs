namespace AkkaCharging.Requests;

/// <summary>Further details from an authorizer, for the extended callback and the status page.</summary>
/// <remarks>
/// Every field is optional. Values are cut to their bounds and stripped of control characters before they are used, so
/// that a partner can neither fill the journal nor forge a log line. Authorization reference, text and group are
/// personal data: they are encrypted at rest and appear in no log, metric or trace.
/// </remarks>
public sealed record AuthorizationDetails
{
    private static readonly AuthorizationDetails Nothing = new();

    internal const int ReferenceLengthMax = 64;
    internal const int LanguageLengthMax = 16;
    internal const int TextLengthMax = 512;
    internal const int PartyLengthMax = 64;
    internal const int GroupLengthMax = 64;

    /// <summary>The partner's reference, to be repeated in session and charge detail record; up to 64
    /// characters.</summary>
    public string? AuthorizationReference { get; init; }

    /// <summary>Language of <see cref="Text"/>, a BCP 47 tag such as <c>en</c>; up to 16 characters.</summary>
    public string? Language { get; init; }

    /// <summary>Text that may be shown to the driver; up to 512 characters.</summary>
    public string? Text { get; init; }

    /// <summary>The party that answered, for example <c>NL-TNM</c> of OCPI; up to 64 characters.</summary>
    public string? Party { get; init; }

    /// <summary>How long the answer is valid.</summary>
    public DateTimeOffset? ValidUntil { get; init; }

    /// <summary>Group of the token, whose tokens may stop each other's sessions; up to 64 characters.</summary>
    public string? Group { get; init; }

    /// <inheritdoc/>
    /// <remarks>Contains no values, because they are personal.</remarks>
    public override string ToString() => nameof(AuthorizationDetails);

    /// <summary>Number of characters of all texts.</summary>
    internal int TextLength =>
        Length(AuthorizationReference) + Length(Language) + Length(Text) + Length(Party) + Length(Group);

    /// <summary>Returns the details cut to their bounds; null when none remain.</summary>
    internal AuthorizationDetails? Bounded()
    {
        var bounded = new AuthorizationDetails
        {
            AuthorizationReference = Bound(AuthorizationReference, ReferenceLengthMax),
            Language = Bound(Language, LanguageLengthMax),
            Text = Bound(Text, TextLengthMax),
            Party = Bound(Party, PartyLengthMax),
            ValidUntil = ValidUntil?.ToUniversalTime(),
            Group = Bound(Group, GroupLengthMax),
        };
        return bounded == Nothing ? null : bounded;
    }

    private static int Length(string? text) => text?.Length ?? 0;

    private static string? Bound(string? text, int lengthMax)
    {
        if (string.IsNullOrEmpty(text))
            return null;
        var kept = text.Any(IsDropped) ? string.Concat(text.Where(character => !IsDropped(character))) : text;
        if (kept.Length > lengthMax)
            // Does not cut between the halves of a surrogate pair.
            kept = kept[..(char.IsHighSurrogate(kept[lengthMax - 1]) ? lengthMax - 1 : lengthMax)];
        return kept.Length == 0 ? null : kept;
    }

    // Control characters, and those that break a line or change the direction of a text.
    private static bool IsDropped(char character) =>
        char.IsControl(character)
        || character
            is '\u2028'
                or '\u2029'
                or '\u200E'
                or '\u200F'
                or (>= '\u202A' and <= '\u202E')
                or (>= '\u2066' and <= '\u2069');
}
