using AkkaCharging.Journal.Retention;
using AkkaCharging.Requests;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>
/// The settled requests in the table: counted by caller, and deleted when they are old or exceed the limit
/// (<see cref="CallerShares"/>). Part of <see cref="SqliteStore"/>.
/// </summary>
/// <remarks>
/// The counts are updated during a transaction; if its commit fails, the store and the counts are discarded.
/// </remarks>
internal sealed class SqliteSettledRows : IDisposable
{
    private const string Leaving = """
        DELETE FROM request WHERE seq IN (
            SELECT seq FROM request INDEXED BY request_leaving
            WHERE api_key IS $0 AND (secrets IS NOT NULL) = $1 AND settled_at IS NOT NULL AND settled_at <= $2
            ORDER BY settled_at LIMIT $3)
        """;

    private readonly long _rowsMax;
    private readonly CallerShares _shares = new();
    private readonly PreparedWrite _deleteOld;
    private readonly PreparedWrite _deleteExcess;
    private readonly PreparedWrite _forgetKey;
    private int _added;

    /// <param name="rowsMax">The value of <c>journal.maxSettledRows</c>.</param>
    public SqliteSettledRows(SqliteConnection connection, long rowsMax)
    {
        _rowsMax = rowsMax;
        using var count = new PreparedQuery(
            connection,
            """
            SELECT api_key, secrets IS NOT NULL, count(*) FROM request INDEXED BY request_leaving
            WHERE settled_at IS NOT NULL GROUP BY api_key, secrets IS NOT NULL
            """
        );
        var counts = count.All(row =>
            (Group: GroupOf(row.IsDBNull(0) ? null : row.GetString(0), row.GetBoolean(1)), Rows: row.GetInt64(2))
        );
        foreach (var (group, rows) in counts)
            _shares.Add(group, rows);
        _deleteOld = new(connection, Leaving);
        _deleteExcess = new(connection, Leaving + " RETURNING id, state");
        _forgetKey = new(connection, "DELETE FROM idempotency WHERE id = $0");
    }

    /// <summary>Whether there are more settled requests than <c>journal.maxSettledRows</c>.</summary>
    public bool AreTooMany => _shares.Total > _rowsMax;

    /// <summary>Counts a request that was settled.</summary>
    /// <param name="apiKey">The name of the request's API key; null without one.</param>
    public void Add(string? apiKey, bool isDeadLetter)
    {
        _shares.Add(GroupOf(apiKey, isDeadLetter), 1);
        _added++;
    }

    /// <summary>Subtracts a dead letter that was redriven or discarded.</summary>
    public void Remove(string? apiKey, bool isDeadLetter) => _shares.Add(GroupOf(apiKey, isDeadLetter), -1);

    /// <summary>Deletes the oldest of the requests that settled until a given time.</summary>
    /// <param name="until">The time in ticks.</param>
    /// <param name="most">Maximum number of requests to delete.</param>
    /// <returns>The number of deleted requests.</returns>
    public int DeleteOld(long until, int most)
    {
        var all = 0;
        foreach (var group in _shares.Groups.ToList())
        {
            var deleted = _deleteOld.Run(ApiKeyOf(group), group.AreDeadLetters ? 1 : 0, until, most - all);
            _shares.Add(group, -deleted);
            all += deleted;
        }

        return all;
    }

    /// <summary>
    /// Deletes excess requests, with their idempotency keys. The keys of pending requests are kept.
    /// </summary>
    /// <param name="more">How many more to delete than were added since the last time, so that an excess shrinks under
    /// any load.</param>
    /// <returns>The deleted requests.</returns>
    public List<(string Caller, RequestState State)> DeleteExcess(int more)
    {
        var all = new List<(string, RequestState)>();
        var most = _added + more;
        _added = 0;
        foreach (var (group, rows) in _shares.Take(_rowsMax, most))
        {
            var deleted = _deleteExcess.Read(
                row => (Id: row.Blob(0), State: row.Text(1)),
                ApiKeyOf(group),
                group.AreDeadLetters ? 1 : 0,
                long.MaxValue,
                rows
            );
            foreach (var (id, state) in deleted)
            {
                _forgetKey.Run(id);
                all.Add((group.Caller, StoredNames.StateOfDeleted(state)));
            }
        }

        return all;
    }

    public void Dispose()
    {
        _deleteOld.Dispose();
        _deleteExcess.Dispose();
        _forgetKey.Dispose();
    }

    private static SettledGroup GroupOf(string? apiKey, bool isDeadLetter) => new(apiKey ?? "", isDeadLetter);

    private static string? ApiKeyOf(SettledGroup group) => group.Caller.Length == 0 ? null : group.Caller;
}
