using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>Finds requests for operators, pending and settled ones, without delaying writes or look-ups.</summary>
internal interface IRequestSearch
{
    /// <summary>Searches from the newest request on.</summary>
    /// <param name="before">The end of the previous search; null for a new one.</param>
    /// <param name="most">Maximum number of matches to return, at least 1.</param>
    /// <exception cref="JournalUnavailableException">The journal cannot be read at present.</exception>
    ValueTask<RequestPage> SearchAsync(
        RequestQuery query,
        RequestId? before,
        int most,
        CancellationToken cancellationToken
    );
}

/// <summary>A page of the requests that match, newest first.</summary>
/// <param name="Next">Where to continue: a long search returns the matches found so far, possibly none. Null at the
/// end.</param>
/// <param name="Damaged">The requests among those searched that match and cannot be read.</param>
internal sealed record RequestPage(
    IReadOnlyList<RequestRecord> Requests,
    RequestId? Next,
    IReadOnlyList<DamagedRow> Damaged
);

/// <summary>Searches a journal part by part.</summary>
internal static class RequestPages
{
    /// <summary>Number of requests examined at a time, which bounds how long a look-up has to wait.</summary>
    public const int PartRows = 20_000;

    /// <summary>Returns the id at which one part of a search begins.</summary>
    /// <param name="floor">Smallest id of the part; null when the part extends to the oldest request.</param>
    public static RequestId From(RequestQuery query, RequestId? floor) =>
        IsLast(query, floor) ? query.FirstId : floor!.Value;

    /// <summary>Creates the page from the results of one part of a search.</summary>
    public static RequestPage Of(
        RequestQuery query,
        RequestId? floor,
        IReadOnlyList<ListedRow<RequestRecord>> found,
        int most
    ) =>
        new(
            found.Readable(),
            found.Count == most ? found[^1].Id
                : IsLast(query, floor) ? null
                : floor,
            found.Damaged()
        );

    private static bool IsLast(RequestQuery query, RequestId? floor) =>
        floor is not { } id || id.Value <= query.FirstId.Value;
}
