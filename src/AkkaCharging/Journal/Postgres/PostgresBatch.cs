using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Retention;
using AkkaCharging.Requests;
using Npgsql;
using Sql = AkkaCharging.Journal.Postgres.PostgresStatements;

namespace AkkaCharging.Journal.Postgres;

/// <summary>
/// The writes of one transaction: one statement per kind, with its rows as arrays, all sent in one message.
/// </summary>
/// <remarks>
/// Two writes of one request never share a batch, so they keep their order, and no statement has two rows of a request.
/// </remarks>
internal sealed class PostgresBatch
{
    private const int WritesMax = 2_048;

    private const string NoLane = "This node does not hold a lane yet.";

    private readonly HashSet<RequestId> _ids = [];
    private readonly PostgresAccepts _accepts = new();
    private readonly List<AcceptedLookup> _lookups = [];
    private readonly List<DecideWrite> _decides = [];
    private readonly List<AttemptWrite> _attempts = [];
    private readonly List<SettleWrite> _settles = [];
    private readonly List<RedriveWrite> _redrives = [];
    private readonly List<DiscardWrite> _discards = [];

    public bool IsEmpty => _ids.Count == 0;

    public int Count => _ids.Count;

    /// <summary>The ids of the new requests in this batch.</summary>
    public IEnumerable<Guid> Accepted => _accepts.Writes.Select(write => write.Id.Value);

    /// <summary>The redrives in this batch.</summary>
    public IEnumerable<RedriveWrite> Redriven => _redrives;

    private IEnumerable<PostgresWrite> Writes =>
        [.. _accepts.Writes, .. _lookups, .. _decides, .. _attempts, .. _settles, .. _redrives, .. _discards];

    /// <summary>Adds <paramref name="write"/>, unless it has to wait for the next batch.</summary>
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

    /// <summary>Commits all writes, then answers the callers.</summary>
    /// <param name="term">The term of a process that owns the journal alone; with <paramref name="lanes"/>, new
    /// requests carry the term of their lane.</param>
    /// <param name="lanes">The lanes of a cluster node; null for a process that owns the journal alone.</param>
    /// <param name="secrets">The secrets of the open journal.</param>
    /// <param name="now">The current time, for idempotency keys.</param>
    /// <param name="clock">The clock that is stored, or reported by a cluster node, with the batch.</param>
    /// <returns>The change in the number of settled requests of each group; negative for fewer.</returns>
    /// <exception cref="Exception">Either all writes were made or none was; which of the two is unknown, unless the
    /// batch was fenced. No caller was answered.</exception>
    public async Task<List<(SettledGroup Group, int Rows)>> CommitAsync(
        NpgsqlConnection connection,
        long term,
        PostgresLanes? lanes,
        JournalSecrets secrets,
        DateTimeOffset now,
        PostgresClock clock
    )
    {
        await using var batch = new NpgsqlBatch(connection); // one transaction, as long as it contains no BEGIN
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
        else
        {
            await clock.AddSavedAsync(batch, connection);
        }

        if (_redrives.Count + _discards.Count > 0)
            batch.Add(Sql.LockDeadLetters, Ids([.. _redrives, .. _discards]));
        _accepts.AddTo(batch, home ?? default, now);
        if (_lookups.Count > 0)
            batch.Add(Sql.LookUpClaims, _lookups.Select(lookup => lookup.Claim.KeyHash).ToArray(), now.UtcTicks);
        var decided =
            _decides.Count == 0
                ? null
                : batch.Add(
                    Sql.Decide,
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
                : batch.Add(
                    Sql.RecordAttempt,
                    Ids(_attempts),
                    _attempts.Select(a => StoredNames.Attempt(a.Attempt)).ToArray(),
                    held
                );
        var settled =
            _settles.Count == 0
                ? null
                : batch.Add(
                    Sql.Settle,
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
            batch.Add(
                Sql.Redrive,
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
            batch.Add(Sql.Discard, Ids(_discards));

        var (claims, changed) = await RunAsync(batch);
        clock.Told();
        await ConfirmAsync(connection, claims);

        // A stored decision never changes, so it may be read after the commit.
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

    /// <summary>Reports to all callers that their writes were not made, as far as is known.</summary>
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
    /// Rejects new requests and redrives because the node holds no lane to store them in; all other writes continue.
    /// </summary>
    private void RefuseNew()
    {
        var problem = new JournalUnavailableException(NoLane);
        _accepts.Refuse(problem);
        foreach (var redrive in _redrives)
            redrive.Fail(problem);
        _redrives.Clear();
    }

    /// <summary>Rejects the writes of requests that now belong to other nodes; these writes changed nothing.</summary>
    /// <remarks>
    /// Only a settled request is ever deleted: its attempts and settlement were stored by a batch that was in doubt. So
    /// was a settlement that the row has, whoever holds its lane.
    /// </remarks>
    private async Task RefuseLostAsync(NpgsqlConnection connection, short[] held)
    {
        PostgresWrite[] writes = [.. _decides, .. _attempts, .. _settles];
        var found = await connection.AllAsync(
            row => (Id: row.GetGuid(0), IsOurs: row.GetBoolean(1), SettledAt: row.IsDBNull(2) ? 0 : row.GetInt64(2)),
            Sql.AreOurs,
            Ids(writes),
            held
        );
        var rows = found.ToDictionary(row => row.Id);
        foreach (var write in writes)
        {
            var isFound = rows.TryGetValue(write.Id.Value, out var row);
            var isDone = !isFound && write is not DecideWrite;
            if (!isDone && !row.IsOurs && (write as SettleWrite)?.Settlement.At.UtcTicks != row.SettledAt)
                write.Fail(new RequestMovedException(write.Id, isGone: !isFound));
        }
    }

    private void Complete(
        Dictionary<string, KeptClaim> claims,
        Dictionary<RequestId, Decision> standing,
        Dictionary<RequestId, string> changed,
        int lane
    )
    {
        _accepts.Complete(claims, lane);
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

    /// <summary>Executes all statements, including the commit.</summary>
    /// <returns>
    /// The stored claims by key, and the API key names of the requests that were settled, redriven or discarded.
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
                else if (reader.FieldCount == 3) // fence and locks have fewer
                    claims[reader.GetString(0)] = new(new(reader.GetGuid(2)), reader.GetString(1));
            }
        } while (await reader.NextResultAsync());
        return (claims, changed);
    }

    /// <summary>
    /// Makes the acceptance of earlier requests final whose ids the callers are about to get, and removes the claims of
    /// those that are gone.
    /// </summary>
    /// <remarks>
    /// Another node, or the process that owned the journal before, may have stored such a request, got no confirmation,
    /// rejected its caller, and take it back when it is connected again. Each statement is a transaction of its own: it
    /// holds no other lock while it waits for that node.
    /// </remarks>
    private async Task ConfirmAsync(NpgsqlConnection connection, Dictionary<string, KeptClaim> claims)
    {
        var earlier = claims.Where(claim => !_ids.Contains(claim.Value.Id)).ToList();
        if (earlier.Count == 0)
            return;
        await using var batch = new NpgsqlBatch(connection) { EnableErrorBarriers = true };
        foreach (var (key, kept) in earlier)
        {
            batch.Add(Sql.Confirm, kept.Id.Value);
            batch.Add(Sql.IsClaimed, key, kept.Id.Value);
        }

        await using var reader = await batch.ExecuteReaderAsync();
        foreach (var (key, _) in earlier)
        {
            // An update has no result of its own, so each result is that of a claim.
            if (!await reader.ReadAsync())
                claims.Remove(key);
            await reader.NextResultAsync();
        }
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
                return (Id: id, Decision: row.TryToDecision(id, secrets));
            },
            Sql.StandingDecisions,
            Ids(_decides)
        );
        return found.Where(row => row.Decision is not null).ToDictionary(row => row.Id, row => row.Decision!);
    }

    /// <summary>Returns the ids of the requests that are written.</summary>
    public static Guid[] Ids(IEnumerable<PostgresWrite> writes) => [.. writes.Select(write => write.Id.Value)];
}
