namespace AkkaCharging.Journal.Postgres;

/// <summary>The SQL statements of all writes: one per kind of write, with its rows as arrays.</summary>
internal static class PostgresStatements
{
    /// <summary>Inserts new requests, except those whose idempotency key belongs to another request.</summary>
    public const string Accept = """
        INSERT INTO charging_request (
            epoch, lane, id, station, token_masked, token_fingerprint, destination, secrets, api_key, accepted_at, expires_at, trace)
        SELECT
            $1, $2::smallint, id, station, token_masked, token_fingerprint, destination, secrets, api_key, accepted_at, expires_at, trace
        FROM unnest($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
            AS new (id, station, token_masked, token_fingerprint, destination, secrets, api_key, accepted_at, expires_at, trace, key_hash)
        WHERE key_hash IS NULL OR EXISTS (SELECT 1 FROM charging_idempotency kept WHERE kept.key_hash = new.key_hash AND kept.id = new.id)
        """;

    /// <summary>Deletes expired idempotency keys.</summary>
    public const string ForgetOldClaims = "DELETE FROM charging_idempotency WHERE key_hash = ANY ($1) AND until <= $2";

    /// <summary>Inserts idempotency keys, each for the request that came first.</summary>
    public const string Claim =
        "INSERT INTO charging_idempotency (key_hash, body_hash, id, until) SELECT * FROM unnest($1, $2, $3, "
        + "$4) ON CONFLICT DO NOTHING";

    /// <summary>Reads which request has each idempotency key.</summary>
    public const string StandingClaims =
        "SELECT key_hash, body_hash, id FROM charging_idempotency WHERE key_hash = ANY ($1)";

    /// <summary>Reads the requests of idempotency keys that have not expired.</summary>
    public const string LookUpClaims = StandingClaims + " AND until > $2";

    /// <summary>
    /// Marks a request with term 0, which no owner ever has: its acceptance was told to a caller, so that the process
    /// that stored it keeps it even if it was in doubt there.
    /// </summary>
    public const string Confirm =
        "UPDATE charging_request SET epoch = 0 WHERE id = $1 AND state = 'queued' AND epoch <> 0";

    /// <summary>Checks whether an idempotency key still belongs to a request.</summary>
    public const string IsClaimed = "SELECT 1 FROM charging_idempotency WHERE key_hash = $1 AND id = $2";

    /// <summary>Stores decisions; a stored one never changes.</summary>
    /// <remarks>
    /// Here and below, null for the lanes means all of them. With the fence, the lanes are exactly those that this node
    /// holds.
    /// </remarks>
    public const string Decide = """
        UPDATE charging_request kept SET
            status = new.status,
            reason = new.reason,
            exact_reason = new.exact_reason,
            decided_at = new.decided_at,
            details = new.details,
            state = CASE kept.state WHEN 'queued' THEN 'decided' ELSE kept.state END
        FROM unnest($1, $2, $3, $4, $5, $6) AS new (id, status, reason, exact_reason, decided_at, details)
        WHERE kept.id = new.id AND kept.status IS NULL AND ($7::smallint[] IS NULL OR kept.lane = ANY ($7))
        """;

    /// <summary>Reads the stored decisions.</summary>
    public const string StandingDecisions =
        $"SELECT {StoredRows.DecisionColumns} FROM charging_request WHERE id = ANY ($1) AND status IS NOT NULL";

    // Checks the state instead of settled_at: a plan made while the table is empty would use the index of unsettled
    // rows for that, and read all of it for each request.
    private const string IsUnsettled = "kept.state IN ('queued', 'decided')";

    /// <summary>Stores failed attempts.</summary>
    /// <remarks>
    /// An attempt whose first commit was in doubt is written again, but stored once: its times tell it from all others.
    /// </remarks>
    public const string RecordAttempt = $"""
        UPDATE charging_request kept SET
            attempts = attempts || new.attempt,
            attempts_made = attempts_made + 1
        FROM unnest($1, $2) AS new (id, attempt)
        WHERE kept.id = new.id AND {IsUnsettled} AND strpos(kept.attempts, new.attempt) = 0
            AND ($3::smallint[] IS NULL OR kept.lane = ANY ($3))
        """;

    /// <summary>Settles requests, and erases the secrets of all that do not become dead letters.</summary>
    public const string Settle = $"""
        UPDATE charging_request kept SET
            state = new.state,
            settled_at = new.settled_at,
            secrets = CASE new.state WHEN 'failed' THEN kept.secrets END,
            attempts = attempts || new.attempt,
            attempts_made = attempts_made + (new.attempt <> '')::int
        FROM unnest($1, $2, $3, $4) AS new (id, state, settled_at, attempt)
        WHERE kept.id = new.id AND {IsUnsettled} AND ($5::smallint[] IS NULL OR kept.lane = ANY ($5))
        RETURNING kept.id, coalesce(kept.api_key, '')
        """;

    /// <summary>Locks the dead letters that a batch redrives or discards, before it locks anything else.</summary>
    /// <remarks>
    /// In the same order in every node, so that two nodes that change the same ones wait for each other instead of
    /// deadlocking. Checks the state for the same reason as those above.
    /// </remarks>
    public const string LockDeadLetters =
        "SELECT 1 FROM charging_request WHERE id = ANY ($1) AND state = 'failed' ORDER BY id FOR UPDATE";

    /// <summary>Makes dead letters pending again, unless they changed since they were read.</summary>
    public const string Redrive = $"""
        UPDATE charging_request kept SET
            state = CASE WHEN status IS NULL THEN 'queued' ELSE 'decided' END,
            settled_at = NULL,
            epoch = $1,
            lane = $2::smallint,
            redriven_at = new.redriven_at,
            expires_at = new.expires_at,
            attempts = new.attempts,
            attempts_made = 0
        FROM unnest($3, $4, $5, $6, $7) AS new (id, seen_at, redriven_at, expires_at, attempts)
        WHERE kept.id = new.id AND kept.settled_at = new.seen_at AND {StoredRows.IsDeadLetter}
        RETURNING kept.id, coalesce(kept.api_key, '')
        """;

    /// <summary>Discards dead letters: they stay as failed requests that cannot be redriven.</summary>
    public const string Discard =
        $"UPDATE charging_request SET secrets = NULL WHERE id = ANY ($1) AND {StoredRows.IsDeadLetter} "
        + "RETURNING id, coalesce(api_key, '')";

    /// <summary>Reads of each request whether it is in a lane that this node holds.</summary>
    public const string AreOurs = "SELECT id, lane = ANY ($2), settled_at FROM charging_request WHERE id = ANY ($1)";
}
