using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>The new requests of one transaction, with the idempotency keys that they claim.</summary>
internal sealed class PostgresAccepts
{
    private const string TakenBack =
        "The request with this idempotency key was taken back, because its node could not confirm it; try again.";

    private readonly List<AcceptWrite> _writes = [];

    public IReadOnlyList<AcceptWrite> Writes => _writes;

    public void Add(AcceptWrite write) => _writes.Add(write);

    /// <summary>Rejects all requests with <paramref name="problem"/>.</summary>
    public void Refuse(JournalUnavailableException problem)
    {
        foreach (var write in _writes)
            write.Fail(problem);
        _writes.Clear();
    }

    /// <summary>Adds the statements to <paramref name="batch"/>; none when there are no requests.</summary>
    /// <param name="home">The lane that stores the requests, and its term.</param>
    /// <param name="now">The current time for idempotency keys; a key that expired by then is deleted.</param>
    public void AddTo(NpgsqlBatch batch, (short Lane, long Term) home, DateTimeOffset now)
    {
        if (_writes.Count == 0)
            return;
        // The same order in every writer, so that two writers that claim the same keys wait for each other instead of
        // deadlocking.
        var claiming = _writes
            .Where(a => a.Claim is not null)
            .OrderBy(a => a.Claim!.KeyHash, StringComparer.Ordinal)
            .ToList();
        var keys = claiming.Select(a => a.Claim!.KeyHash).ToArray();
        if (claiming.Count > 0)
        {
            batch.Add(PostgresStatements.ForgetOldClaims, keys, now.UtcTicks);
            batch.Add(
                PostgresStatements.Claim,
                keys,
                claiming.Select(a => a.Claim!.BodyHash).ToArray(),
                PostgresBatch.Ids(claiming),
                claiming.Select(a => a.Row.AcceptedAt + IdempotencyClaim.Retention.Ticks).ToArray()
            );
        }

        batch.Add(
            PostgresStatements.Accept,
            home.Term,
            home.Lane,
            PostgresBatch.Ids(_writes),
            Column(row => row.Station),
            Column(row => row.TokenMasked),
            Column(row => row.TokenFingerprint),
            Column(row => row.Destination),
            Column(row => row.Secrets),
            Column(row => row.ApiKeyName),
            Column(row => row.AcceptedAt),
            Column(row => row.ExpiresAt),
            Column(row => row.Trace),
            _writes.Select(a => a.Claim?.KeyHash).ToArray()
        );
        if (claiming.Count > 0)
            // The cast is needed: an array of references would be taken for the list of values.
            batch.Add(PostgresStatements.StandingClaims, (object)keys);
    }

    /// <summary>Answers the callers after the commit.</summary>
    /// <param name="claims">The stored idempotency keys.</param>
    public void Complete(Dictionary<string, KeptClaim> claims, int lane)
    {
        foreach (var accept in _writes)
        {
            if (accept.Claim is not { } claim)
                accept.Complete(new(AcceptOutcome.Accepted, accept.Id) { Lane = lane });
            else if (claims.TryGetValue(claim.KeyHash, out var kept))
                accept.Complete(kept.Answer(claim, accept.Id) with { Lane = lane });
            else
                accept.Fail(new JournalUnavailableException(TakenBack));
        }
    }

    private T[] Column<T>(Func<RequestRow, T> value) => [.. _writes.Select(write => value(write.Row))];
}
