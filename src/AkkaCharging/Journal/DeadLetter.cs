using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>
/// A failed request whose secrets are still kept, so that it can be redriven. Contains no secret itself.
/// </summary>
/// <param name="Destination">Scheme, host and port of the callback URL.</param>
/// <param name="LastAttempt">The last callback attempt, which tells why it failed; null when no attempt was
/// made.</param>
/// <param name="Attempts">Number of callback attempts so far, including those before a redrive.</param>
/// <param name="Status">The decision; null when the request failed undecided.</param>
/// <param name="ExpiresAt">The time after which no attempt would have started; a redrive starts it again.</param>
internal sealed record DeadLetter(
    RequestId Id,
    string StationId,
    string DriverTokenMasked,
    string Destination,
    CallbackAttempt? LastAttempt,
    int Attempts,
    AuthorizationStatus? Status,
    DateTimeOffset AcceptedAt,
    DateTimeOffset SettledAt,
    DateTimeOffset ExpiresAt
);

/// <summary>Selects dead letters by all conditions that are set.</summary>
/// <param name="From">Earliest time of settling, inclusive.</param>
/// <param name="To">Latest time of settling, exclusive.</param>
/// <param name="Cause">Cause of the last callback attempt.</param>
/// <param name="AcceptedFrom">Earliest time of acceptance, inclusive.</param>
/// <param name="AcceptedTo">Latest time of acceptance, exclusive.</param>
internal sealed record DeadLetterQuery(
    DestinationKey? Destination = null,
    DateTimeOffset? From = null,
    DateTimeOffset? To = null,
    AttemptCause? Cause = null,
    DateTimeOffset? AcceptedFrom = null,
    DateTimeOffset? AcceptedTo = null
)
{
    /// <summary>Whether the time of acceptance is bounded.</summary>
    internal bool HasAge => AcceptedFrom is not null || AcceptedTo is not null;

    /// <summary>The earliest time of acceptance that a match may have, in ticks.</summary>
    internal long AcceptedFromTicks => AcceptedFrom?.UtcTicks ?? 0;

    /// <summary>The time of acceptance before which every match lies, in ticks.</summary>
    internal long AcceptedToTicks => AcceptedTo?.UtcTicks ?? long.MaxValue;

    /// <summary>Returns the earliest time of settling that a match may have, in ticks.</summary>
    /// <param name="oldest">Start of retention: letters settled until then no longer exist.</param>
    internal long FirstTicks(DateTimeOffset oldest) =>
        Math.Max((From ?? DateTimeOffset.MinValue).UtcTicks, oldest.UtcTicks + 1);

    /// <summary>
    /// Returns the exclusive upper bound of the places on the page that follows <paramref name="after"/>: that place,
    /// or <see cref="To"/> if it is earlier.
    /// </summary>
    internal DeadLetterCursor End(DeadLetterCursor? after) =>
        after is { } place && (To is null || place.SettledAt < To)
            ? place
            : new(To ?? DateTimeOffset.MaxValue, default);
}

/// <summary>A place in the list of dead letters, which is ordered by time of settling, then id, newest first.</summary>
internal readonly record struct DeadLetterCursor(DateTimeOffset SettledAt, RequestId Id)
{
    /// <summary>Parses what <see cref="ToString"/> wrote.</summary>
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

    /// <summary>Formats the place as a text for URLs.</summary>
    public override string ToString() => $"{SettledAt.UtcTicks}_{Id}";
}

/// <summary>A page of dead letters, newest first.</summary>
/// <param name="Next">The place where the next page begins; null after the last page.</param>
/// <param name="Damaged">The dead letters of the page that cannot be read.</param>
internal sealed record DeadLetterPage(
    IReadOnlyList<DeadLetter> Letters,
    DeadLetterCursor? Next,
    IReadOnlyList<DamagedRow> Damaged
)
{
    /// <summary>Maximum number of letters on a page.</summary>
    public const int LettersMax = 1_000;

    /// <summary>
    /// Creates a page of <paramref name="letters"/>, which were read with a limit of <paramref name="most"/>.
    /// </summary>
    internal static DeadLetterPage Of(IReadOnlyList<DeadLetter> letters, int most) =>
        new(letters, letters.Count == most ? new(letters[^1].SettledAt, letters[^1].Id) : null, []);

    /// <summary>The same for rows of which some may be damaged, each with its place.</summary>
    internal static DeadLetterPage Of(
        IReadOnlyList<(DateTimeOffset SettledAt, ListedRow<DeadLetter> Row)> rows,
        int most
    ) =>
        new(
            rows.Select(row => row.Row).Readable(),
            rows.Count == most ? new(rows[^1].SettledAt, rows[^1].Row.Id) : null,
            rows.Select(row => row.Row).Damaged()
        );
}

/// <summary>The outcome of a redrive.</summary>
internal enum RedriveOutcome
{
    /// <summary>The request is pending again.</summary>
    Redriven,

    /// <summary>There is no such request, or it is past retention.</summary>
    NotFound,

    /// <summary>The request did not fail, or it was already discarded or redriven.</summary>
    NotDeadLetter,

    /// <summary>The stored request cannot be decrypted; it stays unchanged.</summary>
    Damaged,

    /// <summary>There is no room at present; a later redrive may succeed.</summary>
    Busy,
}

/// <summary>The outcome of a redrive and, on success, the request to resume.</summary>
internal readonly record struct RedriveResult(RedriveOutcome Outcome, UnsettledRequest? Request = null, int Lane = 0);

/// <summary>The outcome of discarding a dead letter.</summary>
internal enum DiscardOutcome
{
    /// <summary>The driver token and callback URL were erased.</summary>
    Discarded,

    /// <summary>There is no such request, or it is past retention.</summary>
    NotFound,

    /// <summary>The request did not fail, or it was already discarded or redriven.</summary>
    NotDeadLetter,
}
