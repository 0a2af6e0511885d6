using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>
/// The writer's connection and its statements: what each write does to the tables. One thread uses it.
/// </summary>
internal sealed class SqliteStore : IDisposable
{
    private const int PurgeRowsMax = 200;

    private const string OwnerEpoch = "SELECT value FROM meta WHERE name = 'owner_epoch'";

    private readonly SqliteConnection _connection;
    private readonly long _settledRowsMax;
    private readonly TimeProvider _time;
    private readonly JournalClock? _clock;
    private readonly PreparedQuery _begin,
        _commit,
        _owner,
        _decision,
        _claim;
    private readonly PreparedWrite _accept,
        _decide,
        _attempt,
        _settle,
        _redrive,
        _discard,
        _remember,
        _purge,
        _purgeClaims,
        _keepClock;

    private SqliteStore(
        SqliteConnection connection,
        JournalSecrets secrets,
        long epoch,
        int settledRowsMax,
        TimeProvider time,
        JournalClock? clock
    )
    {
        (_connection, Secrets, Epoch, _settledRowsMax) = (connection, secrets, epoch, settledRowsMax);
        (_time, _clock) = (time, clock);
        _begin = new(connection, "BEGIN IMMEDIATE");
        _commit = new(connection, "COMMIT");
        _owner = new(connection, OwnerEpoch);
        _accept = new(
            connection,
            """
            INSERT INTO request (id, station, token_masked, token_fingerprint, destination, secrets, api_key, accepted_at, expires_at, trace, state)
            VALUES ($0, $1, $2, $3, $4, $5, $6, $7, $8, $9, 'queued') ON CONFLICT (id) DO NOTHING
            """
        );
        _decide = new(
            connection,
            "UPDATE request SET status = $1, reason = $2, decided_at = $3, state = iif(state = 'queued', "
                + "'decided', state) WHERE id = $0 AND status IS NULL"
        );
        _decision = new(connection, "SELECT status, reason, decided_at FROM request WHERE id = $0");
        _attempt = new(
            connection,
            "UPDATE request SET attempts = attempts || $1, attempts_made = attempts_made + 1 WHERE id = $0"
        );
        _settle = new(
            connection,
            """
            UPDATE request SET state = $1, settled_at = $2, attempts = attempts || $3, attempts_made = attempts_made + $4, secrets = iif($1 = 'failed', secrets, NULL)
            WHERE id = $0 AND settled_at IS NULL
            """
        );
        _redrive = new(
            connection,
            $"""
            UPDATE request SET state = iif(status IS NULL, 'queued', 'decided'), settled_at = NULL, redriven_at = $2, expires_at = $3, attempts = $4, attempts_made = 0
            WHERE id = $0 AND settled_at = $1 AND {StoredRows.IsDeadLetter}
            """
        );
        _discard = new(connection, $"UPDATE request SET secrets = NULL WHERE id = $0 AND {StoredRows.IsDeadLetter}");
        _claim = new(connection, "SELECT body_hash, id FROM idempotency WHERE key_hash = $0 AND until > $1");
        _remember = new(
            connection,
            "INSERT OR REPLACE INTO idempotency (key_hash, body_hash, id, until) VALUES ($0, $1, $2, $3)"
        );
        _purge = new(
            connection,
            """
            DELETE FROM request WHERE seq IN (
                SELECT seq FROM request INDEXED BY request_settled WHERE settled_at IS NOT NULL AND settled_at <= $0 ORDER BY settled_at LIMIT $1)
            """
        );
        _purgeClaims = new(
            connection,
            "DELETE FROM idempotency WHERE key_hash IN (SELECT key_hash FROM idempotency WHERE until <= $0 LIMIT $1)"
        );
        _keepClock = new(connection, "INSERT OR REPLACE INTO meta (name, value) VALUES ('clock', $0)");
        SettledRows = SqliteSchema.Number(
            connection,
            "SELECT count(*) FROM request INDEXED BY request_settled WHERE settled_at IS NOT NULL"
        );
        Unsettled = SqliteSchema.Number(
            connection,
            "SELECT count(*) FROM request INDEXED BY request_unsettled WHERE settled_at IS NULL"
        );
        LastSeq = SqliteSchema.Number(connection, "SELECT coalesce(max(seq), 0) FROM request");
    }

    public JournalSecrets Secrets { get; }

    /// <summary>
    /// The number of this owner: each that opens the journal counts it up, and none but the last can commit.
    /// </summary>
    public long Epoch { get; }

    /// <summary>Settled requests that are kept.</summary>
    private long SettledRows { get; set; }

    /// <summary>Unsettled requests when the file was opened.</summary>
    public long Unsettled { get; }

    /// <summary>The last request when the file was opened.</summary>
    public long LastSeq { get; }

    /// <summary>
    /// Opens the journal, makes or migrates its tables, and proves with a write that it can be written.
    /// </summary>
    /// <param name="epoch">Of the owner that opens it again; null for a new one.</param>
    /// <param name="clock">Goes on from what the journal knows, and is kept with the writes; null leaves that as it
    /// is.</param>
    /// <exception cref="InvalidJournalException">It cannot be used: corrupt, newer, another program's, or under another
    /// key.</exception>
    /// <exception cref="JournalTakenException">Another owner has opened it since <paramref name="epoch"/>.</exception>
    public static SqliteStore Open(
        JournalSettings settings,
        TimeProvider time,
        long? epoch = null,
        JournalClock? clock = null
    )
    {
        SqliteConnection? connection = null;
        try
        {
            connection = SqliteFile.Connect(settings);
            var isFresh = SqliteSchema.CheckIsFresh(connection, settings.Path);
            SqliteFile.Configure(connection, settings);
            var wrapped = isFresh ? null : ReadWrapped(connection);
            var keys = KeySource.Load(settings, wrapped is null ? null : KeyRing.KeyIdOf(wrapped));

            var secrets = wrapped is null ? JournalSecrets.Create(keys) : JournalSecrets.Open(keys, wrapped);

            SqliteSchema.Run(connection, "BEGIN IMMEDIATE");
            SqliteSchema.Migrate(connection);
            var owner = TakeOver(connection, settings.Path, epoch);
            Register(connection, secrets, time);
            SqliteSchema.Run(connection, "COMMIT");
            clock?.Resume(ReadClock(connection), ClockWitness.OfMachine(time));
            return new(connection, secrets, owner, settings.MaxSettledRows, time, clock);
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

    /// <summary>Reads what the journal hashes with, and changes nothing.</summary>
    /// <exception cref="InvalidJournalException">The key is not here.</exception>
    public static JournalSecrets ReadSecrets(SqliteConnection connection, JournalSettings settings)
    {
        var wrapped = ReadWrapped(connection);
        return JournalSecrets.Open(KeySource.Load(settings, KeyRing.KeyIdOf(wrapped)), wrapped);
    }

    /// <summary>
    /// Runs <paramref name="writes"/> in one transaction: all are kept, or none. Forgets a few of the settled requests
    /// that are too many.
    /// </summary>
    /// <exception cref="SqliteException">None is kept.</exception>
    /// <exception cref="JournalTakenException">None is kept: there is a later owner.</exception>
    public void Commit(IReadOnlyList<SqliteWrite> writes)
    {
        _begin.Run();
        CheckOwner();
        foreach (var write in writes)
            write.Run(this);
        if (_clock?.Save(() => ClockWitness.OfMachine(_time)) is { } read)
            _keepClock.Run(read);
        if (SettledRows > _settledRowsMax)
            SettledRows -= _purge.Run(long.MaxValue, Math.Min(SettledRows - _settledRowsMax, PurgeRowsMax));
        _commit.Run();
    }

    /// <exception cref="JournalTakenException">There is a later owner.</exception>
    public void CheckOwner()
    {
        if (_owner.First(found => found.GetInt64(0)) != Epoch)
            throw new JournalTakenException(_connection.DataSource);
    }

    /// <summary>
    /// Copies all of the log into the database, also a log that was removed: this connection still has it.
    /// </summary>
    /// <returns>False when somebody reads, so that it could not all be copied.</returns>
    public bool TryEmptyLog()
    {
        using var checkpoint = new PreparedQuery(_connection, "PRAGMA wal_checkpoint(FULL)");
        return checkpoint.First(found => found.GetInt64(0) == 0 && found.GetInt64(1) == found.GetInt64(2));
    }

    /// <summary>Writes a copy of the journal as this connection sees it, wherever its file lies now.</summary>
    /// <param name="path">An empty file.</param>
    public void SaveAs(string path)
    {
        using var copy = new PreparedWrite(_connection, "VACUUM INTO $0");
        copy.Run(path);
    }

    /// <summary>Copies the log into the database without waiting for anybody.</summary>
    public void Checkpoint() => SqliteSchema.Run(_connection, "PRAGMA wal_checkpoint(PASSIVE)");

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

        _accept.Run(
            row.Id,
            row.Station,
            row.TokenMasked,
            row.TokenFingerprint,
            row.Destination,
            row.Secrets,
            row.ApiKeyName,
            row.AcceptedAt,
            row.ExpiresAt,
            row.Trace
        );
        return new(AcceptOutcome.Accepted, id);
    }

    public AcceptResult? FindAccepted(IdempotencyClaim claim, DateTimeOffset now, RequestId id = default)
    {
        var kept = _claim.First<KeptClaim?>(
            found => new(StoredId.Read(found.GetFieldValue<byte[]>(1)), found.GetString(0)),
            claim.KeyHash,
            now.UtcTicks
        );
        return kept?.Answer(claim, id);
    }

    public Decision Decide(RequestId id, Decision decision)
    {
        var stored = StoredId.Of(id);
        return _decide.Run(stored, decision.Status.Name(), decision.Reason.Name(), decision.DecidedAt.UtcTicks) > 0
            ? decision
            : _decision.First(
                found => StoredNames.Decision(found.GetString(0), found.GetString(1), found.GetInt64(2)),
                stored
            ) ?? decision;
    }

    public int RecordAttempt(RequestId id, CallbackAttempt attempt) =>
        _attempt.Run(StoredId.Of(id), StoredNames.Attempt(attempt));

    /// <returns>How many rows it changed: none when it is settled already.</returns>
    public int Settle(RequestId id, Settlement settlement)
    {
        var last = settlement.LastAttempt;
        var settled = _settle.Run(
            StoredId.Of(id),
            settlement.State.Name(),
            settlement.At.UtcTicks,
            last is null ? "" : StoredNames.Attempt(last),
            last is null ? 0 : 1
        );
        SettledRows += settled;
        return settled;
    }

    /// <returns>False when it was changed since it was read.</returns>
    public bool Redrive(RequestId id, Redrive redrive)
    {
        var isMine =
            _redrive.Run(StoredId.Of(id), redrive.SettledAt, redrive.At, redrive.ExpiresAt, redrive.Attempts) > 0;
        if (isMine)
            SettledRows--;
        return isMine;
    }

    /// <returns>False when it is no dead letter.</returns>
    public bool Discard(RequestId id) => _discard.Run(StoredId.Of(id)) > 0;

    /// <summary>
    /// Forgets a few requests that settled by <paramref name="settledBy"/>, and idempotency keys whose time is over.
    /// </summary>
    /// <returns>Whether there may be more.</returns>
    public bool Purge(DateTimeOffset settledBy, DateTimeOffset now)
    {
        var requests = _purge.Run(settledBy.UtcTicks, PurgeRowsMax);
        SettledRows -= requests;
        var claims = _purgeClaims.Run(now.UtcTicks, PurgeRowsMax);
        return requests == PurgeRowsMax || claims == PurgeRowsMax || SettledRows > _settledRowsMax;
    }

    public void Dispose()
    {
        // A connection stays open, with its locks, as long as one of its statements does; the driver knows its own
        // alone.
        foreach (
            var change in (PreparedWrite[])
                [_accept, _decide, _attempt, _settle, _redrive, _discard, _remember, _purge, _purgeClaims, _keepClock]
        )
            change.Dispose();
        _connection.Dispose();
    }

    private static string? ReadClock(SqliteConnection connection)
    {
        using var clock = new PreparedQuery(connection, "SELECT value FROM meta WHERE name = 'clock'");
        return clock.First(found => found.GetString(0));
    }

    /// <summary>Reads what the journal hashes with, still encrypted.</summary>
    public static byte[] ReadWrapped(SqliteConnection connection)
    {
        using var secret = new PreparedQuery(connection, "SELECT value FROM meta WHERE name = 'hash_secret'");
        return secret.First(found => found.GetFieldValue<byte[]>(0)) ?? throw JournalSecrets.Missing();
    }

    /// <summary>Counts the owners up; who opens the journal again must still be the last of them.</summary>
    private static long TakeOver(SqliteConnection connection, string path, long? mine)
    {
        using var last = new PreparedQuery(connection, OwnerEpoch);
        var found = last.First(row => row.GetInt64(0));
        if (mine is { } epoch)
            return epoch == found ? epoch : throw new JournalTakenException(path);
        using var keep = new PreparedQuery(
            connection,
            "INSERT OR REPLACE INTO meta (name, value) VALUES ('owner_epoch', $0)"
        );
        keep.Run(found + 1);
        return found + 1;
    }

    /// <summary>Puts the secret under the first key, and refuses to go on without a key that rows still need.</summary>
    private static void Register(SqliteConnection connection, JournalSecrets secrets, TimeProvider time)
    {
        using var used = new PreparedQuery(connection, "SELECT id FROM encryption_key");
        using var needed = new PreparedQuery(
            connection,
            "SELECT 1 FROM request WHERE substr(secrets, 1, 8) = $0 LIMIT 1"
        );
        foreach (var id in used.All(found => found.GetString(0)).Where(id => !secrets.Keys.Contains(id)))
        {
            if (needed.First(_ => true, Convert.FromHexString(id)))
                throw JournalSecrets.KeyIsMissing(id);
            using var forget = new PreparedQuery(connection, "DELETE FROM encryption_key WHERE id = $0");
            forget.Run(id);
        }

        using var register = new PreparedQuery(connection, "INSERT OR IGNORE INTO encryption_key (id) VALUES ($0)");
        register.Run(secrets.Keys.WritingKeyId);
        using var keep = new PreparedQuery(connection, "INSERT OR REPLACE INTO meta (name, value) VALUES ($0, $1)");
        keep.Run("hash_secret", secrets.Wrap());
        keep.Run("opened_at", time.GetUtcNow().UtcTicks);
    }
}
