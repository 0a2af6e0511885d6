using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>
/// A request that failed and whose secrets are still kept, so that it can be redriven. Holds no secret itself.
/// </summary>
/// <param name="Destination">Scheme, host and port of the callback URL.</param>
/// <param name="LastAttempt">Why it failed; null when no attempt was made.</param>
/// <param name="Attempts">Callback attempts so far, those before a redrive included.</param>
/// <param name="Status">What was decided; null when it failed undecided.</param>
internal sealed record DeadLetter(
    RequestId Id,
    string StationId,
    string DriverTokenMasked,
    string Destination,
    CallbackAttempt? LastAttempt,
    int Attempts,
    AuthorizationStatus? Status,
    DateTimeOffset AcceptedAt,
    DateTimeOffset SettledAt
);

/// <summary>Which dead letters: those that match all that is given.</summary>
/// <param name="From">Settled then or later.</param>
/// <param name="To">Settled earlier.</param>
internal sealed record DeadLetterQuery(
    DestinationKey? Destination = null,
    DateTimeOffset? From = null,
    DateTimeOffset? To = null
)
{
    /// <summary>Ticks that no match is earlier than.</summary>
    /// <param name="oldest">Retention's: what settled by then is forgotten.</param>
    internal long FirstTicks(DateTimeOffset oldest) =>
        Math.Max((From ?? DateTimeOffset.MinValue).UtcTicks, oldest.UtcTicks + 1);

    /// <summary>The place that every match on a page after <paramref name="after"/> comes before.</summary>
    internal DeadLetterCursor End(DeadLetterCursor? after) => after ?? new(To ?? DateTimeOffset.MaxValue, default);
}

/// <summary>A place in the list of dead letters, which is ordered by time of settling, then id, newest first.</summary>
internal readonly record struct DeadLetterCursor(DateTimeOffset SettledAt, RequestId Id)
{
    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    public static bool TryParse(string? text, out DeadLetterCursor cursor)
    {
        cursor = default;
        if (
            text?.Split('_') is not [var ticks, var id]
            || !long.TryParse(ticks, out var settledAt)
            || !RequestId.TryParse(id, out var last)
            || settledAt < 0
            || settledAt > DateTimeOffset.MaxValue.UtcTicks
        )
        {
            return false;
        }

        cursor = new(StoredNames.Time(settledAt), last);
        return true;
    }

    /// <summary>A text for URLs.</summary>
    public override string ToString() => $"{SettledAt.UtcTicks}_{Id}";
}

/// <summary>Some of the dead letters, newest first.</summary>
/// <param name="Next">Where the next page begins; null after the last one.</param>
internal sealed record DeadLetterPage(IReadOnlyList<DeadLetter> Letters, DeadLetterCursor? Next)
{
    /// <summary>The most that one page holds.</summary>
    public const int LettersMax = 1_000;

    /// <summary>
    /// A page of <paramref name="letters"/>, which were read with a limit of <paramref name="most"/>.
    /// </summary>
    internal static DeadLetterPage Of(IReadOnlyList<DeadLetter> letters, int most) =>
        new(letters, letters.Count == most ? new(letters[^1].SettledAt, letters[^1].Id) : null);
}

/// <summary>What became of a redrive.</summary>
internal enum RedriveOutcome
{
    /// <summary>It is on its way again.</summary>
    Redriven,

    /// <summary>No such request, or it is past retention.</summary>
    NotFound,

    /// <summary>It did not fail, was discarded, or somebody else redrove it first.</summary>
    NotDeadLetter,

    /// <summary>What is stored about it cannot be decrypted; it stays as it is.</summary>
    Damaged,

    /// <summary>There is no room for it at present; later there is.</summary>
    Busy,
}

/// <summary>What became of a redrive, and the request to take up when it was made.</summary>
internal readonly record struct RedriveResult(RedriveOutcome Outcome, UnsettledRequest? Request = null, int Lane = 0);

/// <summary>What became of a discarding.</summary>
internal enum DiscardOutcome
{
    /// <summary>Its driver token and callback URL are erased.</summary>
    Discarded,

    /// <summary>No such request, or it is past retention.</summary>
    NotFound,

    /// <summary>It did not fail, was discarded before, or somebody redrove it first.</summary>
    NotDeadLetter,
}
