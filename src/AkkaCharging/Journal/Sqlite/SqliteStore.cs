using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Retention;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>The writer's connection with its statements, used by one thread.</summary>
internal sealed class SqliteStore : IDisposable
{
    private const int PurgeRowsMax = 200;

    private readonly SqliteConnection _connection;
    private readonly TimeProvider _time;
    private readonly JournalClock? _clock;
    private readonly PreparedQuery _begin;
    private readonly PreparedQuery _commit;
    private readonly PreparedQuery _owner;
    private readonly PreparedQuery _decision;
    private readonly PreparedQuery _claim;
    private readonly PreparedInsert<RequestRow> _accept;
    private readonly PreparedWrite _decide;
    private readonly PreparedWrite _attempt;
    private readonly PreparedWrite _settle;
    private readonly PreparedWrite _apiKey;
    private readonly PreparedWrite _redrive;
    private readonly PreparedWrite _discard;
    private readonly PreparedWrite _remember;
    private readonly PreparedWrite _purgeClaims;
    private readonly PreparedWrite _keepClock;
    private readonly SqliteSettledRows _settledRows;
    private readonly EarlyDeletions? _early;

    private SqliteStore(
        SqliteConnection connection,
        JournalSecrets secrets,
        long epoch,
        int settledRowsMax,
        TimeProvider time,
        JournalClock? clock,
        EarlyDeletions? early
    )
    {
        (_connection, Secrets, Epoch) = (connection, secrets, epoch);
        (_time, _clock, _early) = (time, clock, early);
        // These read, which may fail. A statement that was prepared before would keep the file open.
        Unsettled = SqliteSchema.Number(
            connection,
            "SELECT count(*) FROM request INDEXED BY request_unsettled WHERE settled_at IS NULL"
        );
        LastUnsettledSeq = SqliteSchema.Number(
            connection,
            "SELECT coalesce(max(seq), 0) FROM request INDEXED BY request_unsettled WHERE settled_at IS NULL"
        );
        _settledRows = new(connection, settledRowsMax);
        _begin = new(connection, "BEGIN IMMEDIATE");
        _commit = new(connection, "COMMIT");
        _owner = new(connection, SqliteMeta.OwnerEpoch);
        _accept = new(
            connection,
            "request",
            constant: ("state", RequestState.Queued.Name()),
            ("id", row => row.Id),
            ("station", row => row.Station),
            ("token_masked", row => row.TokenMasked),
            ("token_fingerprint", row => row.TokenFingerprint),
            ("destination", row => row.Destination),
            ("secrets", row => row.Secrets),
            ("api_key", row => row.ApiKeyName),
            ("accepted_at", row => row.AcceptedAt),
            ("expires_at", row => row.ExpiresAt),
            ("trace", row => row.Trace)
        );
        _decide = new(
            connection,
            """
            UPDATE request SET
                status = $1,
                reason = $2,
                decided_at = $3,
                exact_reason = $4,
                details = $5,
                state = iif(state = 'queued', 'decided', state)
            WHERE id = $0 AND status IS NULL
            """
        );
        _decision = new(connection, $"SELECT {StoredRows.DecisionColumns} FROM request WHERE id = $0");
        _attempt = new(
            connection,
            """
            UPDATE request SET
                attempts = attempts || $1,
                attempts_made = attempts_made + 1
            WHERE id = $0 AND settled_at IS NULL AND instr(attempts, $1) = 0
            """
        );
        _settle = new(
            connection,
            """
            UPDATE request SET
                state = $1,
                settled_at = $2,
                attempts = attempts || $3,
                attempts_made = attempts_made + $4,
                secrets = iif($1 = 'failed', secrets, NULL)
            WHERE id = $0 AND settled_at IS NULL
            """
        );
        // A RETURNING clause of the statement above would take three times as long as both.
        _apiKey = new(connection, "SELECT api_key FROM request WHERE id = $0");
        _redrive = new(
            connection,
            $"""
            UPDATE request SET
                state = iif(status IS NULL, 'queued', 'decided'),
                settled_at = NULL,
                redriven_at = $2,
                expires_at = $3,
                attempts = $4,
                attempts_made = 0
            WHERE id = $0 AND settled_at = $1 AND {StoredRows.IsDeadLetter}
            RETURNING api_key
            """
        );
        _discard = new(
            connection,
            $"UPDATE request SET secrets = NULL WHERE id = $0 AND {StoredRows.IsDeadLetter} RETURNING api_key"
        );
        _claim = new(connection, "SELECT body_hash, id FROM idempotency WHERE key_hash = $0 AND until > $1");
        _remember = new(
            connection,
            "INSERT OR REPLACE INTO idempotency (key_hash, body_hash, id, until) VALUES ($0, $1, $2, $3)"
        );
        _purgeClaims = new(
            connection,
            "DELETE FROM idempotency WHERE key_hash IN (SELECT key_hash FROM idempotency WHERE until <= $0 LIMIT $1)"
        );
        _keepClock = new(connection, "INSERT OR REPLACE INTO meta (name, value) VALUES ('clock', $0)");
    }

    /// <summary>Keys and secrets of the journal.</summary>
    public JournalSecrets Secrets { get; }

    /// <summary>The number of this owner: each owner increments it, and only the latest one can commit.</summary>
    public long Epoch { get; }

    /// <summary>Number of unsettled requests when the file was opened.</summary>
    public long Unsettled { get; }

    /// <summary><c>seq</c> of the last unsettled request when the file was opened; zero when there was none.</summary>
    /// <remarks>
    /// A later request has a higher one until this request is settled and deleted. That of the last request would not
    /// do: once it is deleted, SQLite gives its number to a new one.
    /// </remarks>
    public long LastUnsettledSeq { get; }

    /// <summary>
    /// Opens the journal, creates or migrates its tables, and checks with a write that it is writable.
    /// </summary>
    /// <param name="epoch">The number of an owner that opens the journal again; null for a new one.</param>
    /// <param name="clock">The clock, which is resumed from the journal and stored with the writes; null leaves the
    /// stored one unchanged.</param>
    /// <param name="early">Counts requests that are deleted because of <c>journal.maxSettledRows</c>.</param>
    /// <param name="isRecovered">Whether the log may be that of an earlier process, so that it is not known how much of
    /// it is on the disk.</param>
    /// <param name="keepsKey">Whether the journal stays under its key, although another one is configured before
    /// it.</param>
    /// <param name="known">The keys of an owner that opens the journal again: those in the key file may have changed
    /// for the next start.</param>
    /// <exception cref="InvalidJournalException">The file is corrupt, of a newer version, of another program, or
    /// encrypted with another key.</exception>
    /// <exception cref="JournalTakenException">Another owner has opened the journal since
    /// <paramref name="epoch"/>.</exception>
    public static SqliteStore Open(
        JournalSettings settings,
        TimeProvider time,
        long? epoch = null,
        JournalClock? clock = null,
        EarlyDeletions? early = null,
        bool isRecovered = true,
        bool keepsKey = false,
        KeyRing? known = null
    )
    {
        SqliteConnection? connection = null;
        try
        {
            connection = SqliteFile.Connect(settings);
            var isFresh = SqliteSchema.CheckIsFresh(connection, settings.Path);
            SqliteFile.Configure(connection, settings);
            var wrapped = isFresh ? null : SqliteMeta.ReadWrapped(connection);
            var keyInUse = wrapped is null ? null : KeyRing.KeyIdOf(wrapped);
            var keys = KeySource.Load(settings, keyInUse);
            if (known is not null && keyInUse is not null && known.Contains(keyInUse))
                keys = known;
            if (keepsKey && keyInUse is not null)
                keys = keys.WritingWith(keyInUse);
            var secrets = wrapped is null ? JournalSecrets.Create(keys) : JournalSecrets.Open(keys, wrapped);

            SqliteSchema.Run(connection, "BEGIN IMMEDIATE");
            if (isRecovered)
                SqliteFile.WriteLogAgain(settings);
            SqliteSchema.Migrate(connection);
            var owner = SqliteMeta.TakeOver(connection, settings.Path, epoch);
            SqliteMeta.Register(connection, secrets, time);
            SqliteSchema.Run(connection, "COMMIT");
            clock?.Resume(SqliteMeta.ReadClock(connection), ClockWitness.OfMachine(time));
            return new(
                connection,
                secrets,
                epoch: owner,
                settledRowsMax: settings.MaxSettledRows,
                time: time,
                clock: clock,
                early: early
            );
        }
        catch (SqliteException e) when (SqliteProblem.IsCorrupt(e))
        {
            connection?.Dispose();
            throw new InvalidJournalException(
                $"{SqliteProblem.Describe(e, settings.Path)} Restore it from a backup, or move it away to start "
                    + "with an empty one.",
                e
            );
        }
        catch
        {
            connection?.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Runs <paramref name="writes"/> in one transaction: either all are stored or none. Deletes settled requests above
    /// <c>journal.maxSettledRows</c>: as many as <paramref name="writes"/> settle, and a few more.
    /// </summary>
    /// <exception cref="SqliteException">No write was stored.</exception>
    /// <exception cref="JournalTakenException">No write was stored, because there is a later owner.</exception>
    public void Commit(IReadOnlyList<SqliteWrite> writes)
    {
        _begin.Run();
        CheckOwner();
        foreach (var write in writes)
            write.Run(this);
        var read = _clock?.Save(() => ClockWitness.OfMachine(_time));
        if (read is not null)
            _keepClock.Run(read);
        var early = _settledRows.DeleteExcess(PurgeRowsMax);
        _commit.Run();
        if (read is not null)
            _clock!.Stored();
        _early?.Report(early);
    }

    /// <exception cref="JournalTakenException">There is a later owner.</exception>
    public void CheckOwner()
    {
        if (_owner.First(found => found.GetInt64(0)) != Epoch)
            throw new JournalTakenException(_connection.DataSource);
    }

    /// <inheritdoc cref="SqliteFile.TryEmptyLog"/>
    public bool TryEmptyLog() => SqliteFile.TryEmptyLog(_connection);

    /// <summary>Leaves the log as it is when this is the last connection that is closed.</summary>
    public void KeepLog() => SqliteFile.KeepLog(_connection);

    /// <summary>Checkpoints the part of the log that no reader needs.</summary>
    public void Checkpoint() => SqliteSchema.Run(_connection, "PRAGMA wal_checkpoint(PASSIVE)");

    /// <summary>Stores a request, unless its idempotency key is already stored.</summary>
    /// <param name="now">The current time, for the expiry of stored keys.</param>
    public AcceptResult Accept(RequestId id, RequestRow row, IdempotencyClaim? idempotency, DateTimeOffset now)
    {
        if (idempotency is not null)
        {
            if (FindAccepted(idempotency, now, id) is { Outcome: not AcceptOutcome.Accepted } first)
                return first;
            _remember.Run(
                idempotency.KeyHash,
                idempotency.BodyHash,
                row.Id,
                row.AcceptedAt + IdempotencyClaim.Retention.Ticks
            );
        }

        _accept.Run(row);
        return new(AcceptOutcome.Accepted, id);
    }

    /// <summary>Removes a request whose caller was told that it was not accepted, with its idempotency key.</summary>
    public void TakeBack(RequestId id, IdempotencyClaim? claim)
    {
        using var request = new PreparedQuery(_connection, "DELETE FROM request WHERE id = $0 AND state = 'queued'");
        request.Run(StoredId.Of(id));
        if (claim is null)
            return;
        using var key = new PreparedQuery(_connection, "DELETE FROM idempotency WHERE key_hash = $0 AND id = $1");
        key.Run(claim.KeyHash, StoredId.Of(id));
    }

    /// <summary>Looks up an idempotency key.</summary>
    /// <param name="id">The request that claims the key; default for a look-up.</param>
    /// <returns>Null when the key is not stored or expired.</returns>
    public AcceptResult? FindAccepted(IdempotencyClaim claim, DateTimeOffset now, RequestId id = default)
    {
        var kept = _claim.First<KeptClaim?>(
            found => new(StoredId.Read(found.GetFieldValue<byte[]>(1)), found.GetString(0)),
            claim.KeyHash,
            now.UtcTicks
        );
        return kept?.Answer(claim, id);
    }

    /// <summary>Stores a decision unless one is stored.</summary>
    /// <returns>The stored decision.</returns>
    public Decision Decide(RequestId id, Decision decision, StoredDecision row)
    {
        var stored = StoredId.Of(id);
        return _decide.Run(stored, row.Status, row.Reason, row.DecidedAt, row.ExactReason, row.Details) > 0
            ? decision
            : _decision.First(found => found.TryToDecision(id, Secrets), stored) ?? decision;
    }

    /// <summary>Appends a failed attempt.</summary>
    /// <returns>The number of changed rows.</returns>
    public int RecordAttempt(RequestId id, CallbackAttempt attempt) =>
        _attempt.Run(StoredId.Of(id), StoredNames.Attempt(attempt));

    /// <summary>Settles a request.</summary>
    /// <returns>The number of changed rows; zero when the request is already settled.</returns>
    public int Settle(RequestId id, Settlement settlement)
    {
        var last = settlement.LastAttempt;
        var stored = StoredId.Of(id);
        var settled = _settle.Run(
            stored,
            settlement.State.Name(),
            settlement.At.UtcTicks,
            last is null ? "" : StoredNames.Attempt(last),
            last is null ? 0 : 1
        );
        if (settled > 0)
            _settledRows.Add(
                _apiKey.Read(row => row.Text(0), stored)[0],
                isDeadLetter: settlement.State == RequestState.Failed
            );
        return settled;
    }

    /// <summary>Makes a dead letter pending again.</summary>
    /// <returns>False when its row changed since it was read.</returns>
    public bool Redrive(RequestId id, Redrive redrive)
    {
        var redriven = _redrive.Read(
            row => row.Text(0),
            StoredId.Of(id),
            redrive.SettledAt,
            redrive.At,
            redrive.ExpiresAt,
            redrive.Attempts
        );
        foreach (var apiKey in redriven)
            _settledRows.Remove(apiKey, isDeadLetter: true);
        return redriven.Count > 0;
    }

    /// <summary>
    /// Makes a request a dead letter again whose caller was told that it was not redriven.
    /// </summary>
    public void PutBack(RequestId id, Redrive redrive)
    {
        using var failed = new PreparedWrite(
            _connection,
            """
            UPDATE request SET
                state = 'failed',
                settled_at = $1
            WHERE id = $0 AND settled_at IS NULL AND redriven_at = $2
            RETURNING api_key
            """
        );
        foreach (var apiKey in failed.Read(row => row.Text(0), StoredId.Of(id), redrive.SettledAt, redrive.At))
            _settledRows.Add(apiKey, isDeadLetter: true);
    }

    /// <summary>Erases the secrets of a dead letter.</summary>
    /// <returns>False when there is no such dead letter.</returns>
    public bool Discard(RequestId id)
    {
        var discarded = _discard.Read(row => row.Text(0), StoredId.Of(id));
        foreach (var apiKey in discarded)
        {
            _settledRows.Remove(apiKey, isDeadLetter: true);
            _settledRows.Add(apiKey, isDeadLetter: false);
        }

        return discarded.Count > 0;
    }

    /// <summary>
    /// Deletes a few requests that settled until <paramref name="settledBy"/>, and idempotency keys that expired before
    /// <paramref name="now"/>.
    /// </summary>
    /// <returns>Whether there may be more to delete.</returns>
    public bool Purge(DateTimeOffset settledBy, DateTimeOffset now)
    {
        var requests = _settledRows.DeleteOld(settledBy.UtcTicks, PurgeRowsMax);
        var claims = _purgeClaims.Run(now.UtcTicks, PurgeRowsMax);
        return requests == PurgeRowsMax || claims == PurgeRowsMax || _settledRows.AreTooMany;
    }

    public void Dispose()
    {
        // A connection keeps its locks until all of its statements are closed, and the driver closes only those it has
        // prepared itself.
        IDisposable[] statements =
        [
            _accept,
            _decide,
            _attempt,
            _settle,
            _apiKey,
            _redrive,
            _discard,
            _remember,
            _purgeClaims,
            _keepClock,
            _settledRows,
        ];
        foreach (var statement in statements)
            statement.Dispose();
        _connection.Dispose();
    }
}
