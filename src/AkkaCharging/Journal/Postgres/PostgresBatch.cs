using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Retention;
using AkkaCharging.Requests;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>
/// Writes of one transaction: a statement for each kind, its rows as arrays, all sent in one message.
/// </summary>
/// <remarks>
/// A request's writes never share a batch: so they keep their order, and no statement meets a row twice.
/// </remarks>
internal sealed class PostgresBatch
{
    private const int WritesMax = 2_048;

    private const string Accept = """
        INSERT INTO charging_request (
            epoch, lane, id, station, token_masked, token_fingerprint, destination, secrets, api_key, accepted_at, expires_at, trace)
        SELECT
            $1, $2::smallint, id, station, token_masked, token_fingerprint, destination, secrets, api_key, accepted_at, expires_at, trace
        FROM unnest($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
            AS new (id, station, token_masked, token_fingerprint, destination, secrets, api_key, accepted_at, expires_at, trace, key_hash)
        WHERE key_hash IS NULL OR EXISTS (SELECT 1 FROM charging_idempotency kept WHERE kept.key_hash = new.key_hash AND kept.id = new.id)
        """;

    private const string ForgetOldClaims = "DELETE FROM charging_idempotency WHERE key_hash = ANY ($1) AND until <= $2";
    private const string Claim =
        "INSERT INTO charging_idempotency (key_hash, body_hash, id, until) SELECT * FROM unnest($1, $2, $3, "
        + "$4) ON CONFLICT DO NOTHING";
    private const string StandingClaims =
        "SELECT key_hash, body_hash, id FROM charging_idempotency WHERE key_hash = ANY ($1)";

    private const string LookUpClaims = StandingClaims + " AND until > $2";

    // Null for the lanes means all of them. Under the fence, these are exactly those that this node holds.
    private const string Decide = """
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

    private const string StandingDecisions =
        $"SELECT {StoredRows.DecisionColumns} FROM charging_request WHERE id = ANY ($1) AND status IS NOT NULL";

    // By its state, not by settled_at: a plan made while the table is empty would take the index of unsettled rows for
    // that, and read all of it for each request.
    private const string IsUnsettled = "kept.state IN ('queued', 'decided')";

    // An attempt that is written again, because its first commit was in doubt, is there already: its times tell it from
    // all others.
    private const string RecordAttempt = $"""
        UPDATE charging_request kept SET
            attempts = attempts || new.attempt,
            attempts_made = attempts_made + 1
        FROM unnest($1, $2) AS new (id, attempt)
        WHERE kept.id = new.id AND {IsUnsettled} AND strpos(kept.attempts, new.attempt) = 0
            AND ($3::smallint[] IS NULL OR kept.lane = ANY ($3))
        """;

    private const string Settle = $"""
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

    private const string Redrive = $"""
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

    private const string Discard =
        $"UPDATE charging_request SET secrets = NULL WHERE id = ANY ($1) AND {StoredRows.IsDeadLetter} "
        + "RETURNING id, coalesce(api_key, '')";

    private const string StillOurs = "SELECT id FROM charging_request WHERE id = ANY ($1) AND lane = ANY ($2)";
    private const string NoLane = "This node holds no lane yet.";
    private const string LaneIsGone = "The lane of this request is another node's now.";

    private readonly HashSet<RequestId> _ids = [];
    private readonly List<AcceptWrite> _accepts = [];
    private readonly List<AcceptedLookup> _lookups = [];
    private readonly List<DecideWrite> _decides = [];
    private readonly List<AttemptWrite> _attempts = [];
    private readonly List<SettleWrite> _settles = [];
    private readonly List<RedriveWrite> _redrives = [];
    private readonly List<DiscardWrite> _discards = [];

    public bool IsEmpty => _ids.Count == 0;

    public int Count => _ids.Count;

    /// <summary>The requests that this batch would keep anew.</summary>
    public IEnumerable<Guid> Accepted => _accepts.Select(write => write.Id.Value);

    /// <summary>The dead letters that this batch would redrive.</summary>
    public IEnumerable<RedriveWrite> Redriven => _redrives;

    private IEnumerable<PostgresWrite> Writes =>
        [.. _accepts, .. _lookups, .. _decides, .. _attempts, .. _settles, .. _redrives, .. _discards];

    /// <summary>Takes <paramref name="write"/> in, unless it belongs into the next batch.</summary>
    public bool TryAdd(PostgresWrite write)
    {
        if (_ids.Count == WritesMax || !_ids.Add(write.Id))
            return false;
        switch (write)
        {
            case AcceptWrite accept:
                _accepts.Add(accept);
                break;
            case AcceptedLookup lookup:
                _lookups.Add(lookup);
                break;
            case DecideWrite decide:
                _decides.Add(decide);
                break;
            case AttemptWrite attempt:
                _attempts.Add(attempt);
                break;
            case SettleWrite settle:
                _settles.Add(settle);
                break;
            case RedriveWrite redrive:
                _redrives.Add(redrive);
                break;
            case DiscardWrite discard:
                _discards.Add(discard);
                break;
        }

        return true;
    }

    /// <summary>Commits all, then tells the callers.</summary>
    /// <param name="term">Of an owner alone; with <paramref name="lanes"/> new requests carry that of their
    /// lane.</param>
    /// <param name="lanes">Of a node in a cluster; null for an owner alone.</param>
    /// <param name="secrets">Of the open journal.</param>
    /// <param name="now">For idempotency keys.</param>
    /// <param name="clock">Told of with it by a node in a cluster.</param>
    /// <returns>How many more settled requests there are of each group; fewer where it is negative.</returns>
    /// <exception cref="Exception">All were kept or none: which is not known, unless the batch was fenced. Nobody was
    /// told anything.</exception>
    public async Task<List<(SettledGroup Group, int Rows)>> CommitAsync(
        NpgsqlConnection connection,
        long term,
        PostgresLanes? lanes,
        JournalSecrets secrets,
        DateTimeOffset now,
        PostgresClock clock
    )
    {
        await using var batch = new NpgsqlBatch(connection); // one transaction, as long as it holds no BEGIN of its own
        var held = lanes?.Held;
        (short Lane, long Term)? home = (0, term);
        if (lanes is not null)
        {
            lanes.AddFence(batch);
            clock.AddTo(batch);
            home = lanes.Next();
            if (home is null)
                RefuseNew();
        }

        if (_accepts.Count > 0)
            AddAccepts(batch, home!.Value, now);
        if (_lookups.Count > 0)
            Add(batch, LookUpClaims, _lookups.Select(lookup => lookup.Claim.KeyHash).ToArray(), now.UtcTicks);
        var decided =
            _decides.Count == 0
                ? null
                : Add(
                    batch,
                    Decide,
                    Ids(_decides),
                    _decides.Select(d => d.Stored.Status).ToArray(),
                    _decides.Select(d => d.Stored.Reason).ToArray(),
                    _decides.Select(d => d.Stored.ExactReason).ToArray(),
                    _decides.Select(d => d.Stored.DecidedAt).ToArray(),
                    _decides.Select(d => d.Stored.Details).ToArray(),
                    held
                );
        var attempted =
            _attempts.Count == 0
                ? null
                : Add(
                    batch,
                    RecordAttempt,
                    Ids(_attempts),
                    _attempts.Select(a => StoredNames.Attempt(a.Attempt)).ToArray(),
                    held
                );
        var settled =
            _settles.Count == 0
                ? null
                : Add(
                    batch,
                    Settle,
                    Ids(_settles),
                    _settles.Select(s => s.Settlement.State.Name()).ToArray(),
                    _settles.Select(s => s.Settlement.At.UtcTicks).ToArray(),
                    _settles
                        .Select(s => s.Settlement.LastAttempt is { } last ? StoredNames.Attempt(last) : "")
                        .ToArray(),
                    held
                );

        if (_redrives.Count > 0)
        {
            Add(
                batch,
                Redrive,
                home!.Value.Term,
                home.Value.Lane,
                Ids(_redrives),
                _redrives.Select(r => r.Redrive.SettledAt).ToArray(),
                _redrives.Select(r => r.Redrive.At).ToArray(),
                _redrives.Select(r => r.Redrive.ExpiresAt).ToArray(),
                _redrives.Select(r => r.Redrive.Attempts).ToArray()
            );
        }

        if (_discards.Count > 0)
            Add(batch, Discard, Ids(_discards));

        var (claims, changed) = await RunAsync(batch);
        clock.Told();

        // A decision that is kept never changes, so that reading it after the commit is soon enough.
        var standing =
            decided is null || decided.RecordsAffected == _decides.Count
                ? []
                : await StandingAsync(connection, secrets);
        if (
            held is not null
            && Affected(decided) + Affected(attempted) + Affected(settled)
                < _decides.Count + _attempts.Count + _settles.Count
        )
            await RefuseLostAsync(connection, held);
        Complete(claims, standing, changed, home?.Lane ?? 0);
        return [.. SettledChanges(changed)];

        static int Affected(NpgsqlBatchCommand? command) => command?.RecordsAffected ?? 0;
    }

    /// <summary>Tells all callers that theirs was not made, as far as is known.</summary>
    public void Fail(JournalUnavailableException problem)
    {
        foreach (var write in Writes)
            write.Fail(problem);
    }

    private IEnumerable<(SettledGroup Group, int Rows)> SettledChanges(Dictionary<RequestId, string> callers)
    {
        foreach (var settle in _settles)
        {
            if (callers.TryGetValue(settle.Id, out var caller))
                yield return (new(caller, settle.Settlement.State == RequestState.Failed), 1);
        }

        foreach (var redrive in _redrives)
        {
            if (callers.TryGetValue(redrive.Id, out var caller))
                yield return (new(caller, AreDeadLetters: true), -1);
        }

        foreach (var discard in _discards)
        {
            if (!callers.TryGetValue(discard.Id, out var caller))
                continue;
            yield return (new(caller, AreDeadLetters: true), -1);
            yield return (new(caller, AreDeadLetters: false), 1);
        }
    }

    /// <summary>
    /// A node without a lane has nowhere to keep new requests: they are refused, and everything else goes on.
    /// </summary>
    private void RefuseNew()
    {
        foreach (var write in (IEnumerable<PostgresWrite>)[.. _accepts, .. _redrives])
            write.Fail(new JournalUnavailableException(NoLane));
        _accepts.Clear();
        _redrives.Clear();
    }

    /// <summary>Takes out the writes whose requests belong to other nodes now: they changed nothing.</summary>
    private async Task RefuseLostAsync(NpgsqlConnection connection, short[] held)
    {
        PostgresWrite[] writes = [.. _decides, .. _attempts, .. _settles];
        var ours = (await connection.AllAsync(row => row.GetGuid(0), StillOurs, Ids(writes), held)).ToHashSet();
        foreach (var write in writes.Where(write => !ours.Contains(write.Id.Value)))
            write.Fail(new JournalUnavailableException(LaneIsGone));
    }

    private void AddAccepts(NpgsqlBatch batch, (short Lane, long Term) home, DateTimeOffset now)
    {
        // In one order for all, so that two writers that claim the same keys wait for each other instead of locking
        // each other out.
        var claiming = _accepts
            .Where(a => a.Claim is not null)
            .OrderBy(a => a.Claim!.KeyHash, StringComparer.Ordinal)
            .ToList();
        var keys = claiming.Select(a => a.Claim!.KeyHash).ToArray();
        if (claiming.Count > 0)
        {
            Add(batch, ForgetOldClaims, keys, now.UtcTicks);
            Add(
                batch,
                Claim,
                keys,
                claiming.Select(a => a.Claim!.BodyHash).ToArray(),
                Ids(claiming),
                claiming.Select(a => a.Row.AcceptedAt + IdempotencyClaim.Retention.Ticks).ToArray()
            );
        }

        Add(
            batch,
            Accept,
            home.Term,
            home.Lane,
            Ids(_accepts),
            Column(row => row.Station),
            Column(row => row.TokenMasked),
            Column(row => row.TokenFingerprint),
            Column(row => row.Destination),
            Column(row => row.Secrets),
            Column(row => row.ApiKeyName),
            Column(row => row.AcceptedAt),
            Column(row => row.ExpiresAt),
            Column(row => row.Trace),
            _accepts.Select(a => a.Claim?.KeyHash).ToArray()
        );
        if (claiming.Count > 0)
            // cast, because an array of references would pass for the list of values
            Add(batch, StandingClaims, (object)keys);
    }

    private T[] Column<T>(Func<RequestRow, T> value) => [.. _accepts.Select(accept => value(accept.Row))];

    private void Complete(
        Dictionary<string, KeptClaim> claims,
        Dictionary<RequestId, Decision> standing,
        Dictionary<RequestId, string> changed,
        int lane
    )
    {
        foreach (var accept in _accepts)
            accept.Complete(
                (
                    accept.Claim is { } claim
                        ? claims[claim.KeyHash].Answer(claim, accept.Id)
                        : new(AcceptOutcome.Accepted, accept.Id)
                ) with
                {
                    Lane = lane,
                }
            );
        foreach (var lookup in _lookups)
            lookup.Complete(claims.TryGetValue(lookup.Claim.KeyHash, out var kept) ? kept.Answer(lookup.Claim) : null);
        foreach (var decide in _decides)
            decide.Complete(standing.GetValueOrDefault(decide.Id, decide.Decision));
        foreach (var write in (IEnumerable<PostgresWrite<bool>>)[.. _attempts, .. _settles])
            write.Complete(true);
        foreach (var discard in _discards)
            discard.Complete(changed.ContainsKey(discard.Id));
        foreach (var redrive in _redrives)
            redrive.Complete(changed.ContainsKey(redrive.Id) ? lane : null);
    }

    /// <summary>Runs all statements to their end, which is the commit.</summary>
    /// <returns>
    /// The standing claims by their key, and the callers of the requests that were settled, redriven or discarded.
    /// </returns>
    private static async Task<(Dictionary<string, KeptClaim> Claims, Dictionary<RequestId, string> Changed)> RunAsync(
        NpgsqlBatch batch
    )
    {
        var claims = new Dictionary<string, KeptClaim>(StringComparer.Ordinal);
        var changed = new Dictionary<RequestId, string>();
        await using var reader = await batch.ExecuteReaderAsync();
        do
        {
            while (await reader.ReadAsync())
            {
                if (reader.FieldCount == 2)
                    changed.Add(new(reader.GetGuid(0)), reader.GetString(1));
                else if (reader.FieldCount == 3) // the fence has one
                    claims[reader.GetString(0)] = new(new(reader.GetGuid(2)), reader.GetString(1));
            }
        } while (await reader.NextResultAsync());
        return (claims, changed);
    }

    private async Task<Dictionary<RequestId, Decision>> StandingAsync(
        NpgsqlConnection connection,
        JournalSecrets secrets
    )
    {
        var found = await connection.AllAsync(
            row =>
            {
                var id = new RequestId(row.GetGuid(0));
                return (Id: id, Decision: row.ToDecision(id, secrets));
            },
            StandingDecisions,
            Ids(_decides)
        );
        return found.ToDictionary(row => row.Id, row => row.Decision);
    }

    private static Guid[] Ids(IEnumerable<PostgresWrite> writes) => [.. writes.Select(write => write.Id.Value)];

    private static NpgsqlBatchCommand Add(NpgsqlBatch batch, string sql, params ReadOnlySpan<object?> values)
    {
        batch.Add(sql, values);
        return batch.BatchCommands[^1];
    }
}
