using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>Finds requests for operators, pending and settled ones, without delaying writes or look-ups.</summary>
internal interface IRequestSearch
{
    /// <summary>Searches from the newest request on.</summary>
    /// <param name="before">Where the search before ended; null for a new one.</param>
    /// <param name="most">Matches to return at the most, from 1 on.</param>
    /// <exception cref="JournalUnavailableException">The journal cannot be read at present.</exception>
    ValueTask<RequestPage> SearchAsync(
        RequestQuery query,
        RequestId? before,
        int most,
        CancellationToken cancellationToken
    );
}

/// <summary>Some of the requests that match, newest first.</summary>
/// <param name="Next">Where to go on: a search that takes long returns what it has found by then, which may be nothing.
/// Null at the end.</param>
internal sealed record RequestPage(IReadOnlyList<RequestRecord> Requests, RequestId? Next);

/// <summary>Searches a journal part by part.</summary>
internal static class RequestPages
{
    /// <summary>Requests that are looked at in one go: the time that a look-up may have to wait.</summary>
    public const int PartRows = 20_000;

    /// <summary>Returns the id that one part of a search begins at.</summary>
    /// <param name="floor">Smallest id of the part; null when the part goes to the oldest request.</param>
    public static RequestId From(RequestQuery query, RequestId? floor) =>
        IsLast(query, floor) ? query.FirstId : floor!.Value;

    /// <summary>Makes the page of what one part of a search found.</summary>
    public static RequestPage Of(RequestQuery query, RequestId? floor, IReadOnlyList<RequestRecord> found, int most) =>
        new(
            found,
            found.Count == most ? found[^1].Id
                : IsLast(query, floor) ? null
                : floor
        );

    private static bool IsLast(RequestQuery query, RequestId? floor) =>
        floor is not { } id || id.Value <= query.FirstId.Value;
}
