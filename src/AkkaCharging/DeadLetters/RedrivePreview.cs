using AkkaCharging.Journal;
using AkkaCharging.Requests;

namespace AkkaCharging.DeadLetters;

/// <summary>What a bulk redrive would send again.</summary>
/// <param name="Query">Selects the letters; bounded in time, so that a redrive of it matches no later failure.</param>
/// <param name="Matched">Number of letters that match.</param>
/// <param name="LookedAt">Number of letters, the newest, that the following figures are of.</param>
/// <param name="Causes">Their number by the cause of the last attempt, the most frequent first; <c>none</c> for letters
/// without one.</param>
/// <param name="UnderAnHour">Number of letters that were accepted less than an hour ago.</param>
/// <param name="UnderADay">Number of letters that were accepted between an hour and a day ago.</param>
/// <param name="Expired">Number of letters that are older than their time to be delivered in, which a redrive starts
/// again: the driver may have left.</param>
internal sealed record RedrivePreview(
    DeadLetterQuery Query,
    long Matched,
    int LookedAt,
    IReadOnlyList<KeyValuePair<string, int>> Causes,
    int UnderAnHour,
    int UnderADay,
    int Expired
)
{
    /// <summary>Maximum number of letters that are looked at.</summary>
    public const int LettersMax = 10_000;

    /// <summary>Counts the letters that <paramref name="query"/> selects at <paramref name="now"/>.</summary>
    public static async Task<RedrivePreview> OfAsync(
        IDeadLetterStore store,
        DeadLetterQuery query,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        var causes = new List<AttemptCause?>();
        var (underAnHour, underADay, expired) = (0, 0, 0);
        var damaged = 0; // a redrive counts and passes over them
        DeadLetterCursor? after = null;
        do
        {
            var page = await store.ListDeadLettersAsync(query, after, DeadLetterPage.LettersMax, cancellationToken);
            foreach (var letter in page.Letters)
            {
                var age = now - letter.AcceptedAt;
                underAnHour += age < TimeSpan.FromHours(1) ? 1 : 0;
                underADay += age >= TimeSpan.FromHours(1) && age < TimeSpan.FromDays(1) ? 1 : 0;
                expired += letter.ExpiresAt <= now ? 1 : 0;
                causes.Add(letter.LastAttempt?.Cause);
            }

            damaged += page.Damaged.Count;
            after = page.Next;
        } while (after is not null && causes.Count < LettersMax);

        var matched = after is null
            ? causes.Count + damaged
            : await store.CountDeadLettersAsync(query, cancellationToken);
        return new(
            query,
            matched,
            causes.Count,
            [.. causes.CountBy(cause => cause?.Name() ?? "none").OrderByDescending(cause => cause.Value)],
            underAnHour,
            underADay,
            expired
        );
    }
}
