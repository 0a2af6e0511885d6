using System.Data.Common;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Postgres;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Settings;
using Microsoft.Data.Sqlite;
using Npgsql;
using NpgsqlTypes;

namespace AkkaCharging.Journal;

/// <summary>The amount of data that was moved.</summary>
/// <param name="Unsettled">Number of the requests that the next start resumes.</param>
/// <param name="MovedTo">The new name of the file; null when it could not be renamed.</param>
/// <param name="Problem">Why the file could not be renamed, and what to do.</param>
internal sealed record MigrationReport(
    long Requests,
    long Unsettled,
    long IdempotencyKeys,
    string? MovedTo,
    string? Problem = null
);

/// <summary>Is told how many rows of how many were copied.</summary>
internal delegate void CopyProgress(long copied, long all);

/// <summary>
/// Moves a journal from a SQLite file into an empty PostgreSQL schema, so that one node can grow into a cluster.
/// </summary>
/// <remarks>
/// Everything moves in one transaction: pending requests, decisions, dead letters, idempotency keys, and the hash
/// secret, so that fingerprints stay comparable. Secrets are encrypted again with the first of the target's keys.
/// Neither journal may be in use. Afterwards the file is renamed: a service started on it by mistake would send
/// callbacks twice.
/// </remarks>
internal static class JournalMigration
{
    private const string Suffix = ".migrated";
    private const int CopySeconds = 3_600;

    /// <summary>What follows the path in the names of the files that are renamed.</summary>
    private static readonly string[] Files = ["", ".key"];

    private const string CopyRequests = """
        COPY charging_request (
            epoch, id, station, token_masked, token_fingerprint, destination, secrets, api_key, accepted_at, expires_at, trace,
            state, status, reason, decided_at, settled_at, attempts, attempts_made, redriven_at,
            exact_reason, details) FROM STDIN (FORMAT BINARY)
        """;

    private const string Requests = """
        SELECT
            id, station, token_masked, token_fingerprint, destination, secrets, api_key, accepted_at, expires_at, trace,
            state, status, reason, decided_at, settled_at, attempts, attempts_made, redriven_at,
            exact_reason, details FROM request ORDER BY seq
        """;

    private static readonly NpgsqlDbType[] RequestTypes =
    [
        NpgsqlDbType.Uuid,
        NpgsqlDbType.Text,
        NpgsqlDbType.Text,
        NpgsqlDbType.Bytea,
        NpgsqlDbType.Text,
        NpgsqlDbType.Bytea,
        NpgsqlDbType.Text,
        NpgsqlDbType.Bigint,
        NpgsqlDbType.Bigint,
        NpgsqlDbType.Text,
        NpgsqlDbType.Text,
        NpgsqlDbType.Text,
        NpgsqlDbType.Text,
        NpgsqlDbType.Bigint,
        NpgsqlDbType.Bigint,
        NpgsqlDbType.Text,
        NpgsqlDbType.Integer,
        NpgsqlDbType.Bigint,
        NpgsqlDbType.Text,
        NpgsqlDbType.Bytea,
    ];

    private const int IdColumn = 0;
    private const int SecretsColumn = 5;
    private const int SettledAtColumn = 14;
    private const int AttemptsMadeColumn = 16;
    private const int DetailsColumn = 19;

    /// <summary>Moves the journal.</summary>
    /// <param name="path">Path of the SQLite file.</param>
    /// <param name="target">Settings of the PostgreSQL journal; its keys encrypt, and may also decrypt
    /// <paramref name="path"/>.</param>
    /// <param name="progress">Is told after each row how many of how many were copied.</param>
    /// <param name="damaged">Is told of each request that cannot be moved.</param>
    /// <exception cref="InvalidJournalException">The file is not a journal or its key is missing, a file has the name
    /// that it would get, requests are damaged, or the database already contains a journal.</exception>
    /// <exception cref="JournalUnavailableException">A journal is in use or unavailable; nothing was
    /// changed.</exception>
    public static async Task<MigrationReport> RunAsync(
        string path,
        JournalSettings target,
        TimeProvider time,
        CopyProgress progress,
        DamagedRowReport damaged,
        CancellationToken cancellationToken
    )
    {
        if (!File.Exists(path))
            throw new InvalidJournalException($"There is no journal {path}.");
        foreach (var renamed in Files.Select(file => path + Suffix + file).Where(Path.Exists))
            throw new InvalidJournalException(
                $"Nothing was moved, because {path} is renamed afterwards, and {renamed} exists: move that away first."
            );
        var source = target with { Kind = JournalKind.Sqlite, Path = path };
        using var owner =
            OwnerLock.TryTake(source, time)
            ?? throw new JournalUnavailableException(
                $"The journal {path} is in use by {OwnerLock.Holder(source)}; stop that process first."
            );
        var keys = KeySource.Required(target);
        var report = await MoveAsync(source, target, keys, time, progress, damaged, cancellationToken);
        try
        {
            foreach (var file in Files.Where(file => File.Exists(path + file)))
                File.Move(path + file, path + Suffix + file);
            return report;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return report with
            {
                MovedTo = null,
                Problem =
                    $"Everything was moved, but {path} and its key could not be renamed: {e.Message} Do not start a "
                    + "service on it, which would send callbacks twice: rename it yourself.",
            };
        }
    }

    private static async Task<MigrationReport> MoveAsync(
        JournalSettings source,
        JournalSettings target,
        KeyRing keys,
        TimeProvider time,
        CopyProgress progress,
        DamagedRowReport damaged,
        CancellationToken cancellationToken
    )
    {
        try
        {
            // Migrates it to this version, and its log into the file. It stays under its key, for a service that goes
            // back to it.
            OfFile(source, () => SqliteStore.Open(source, time, keepsKey: true)).Dispose();
            using var file = OfFile(source, () => SqliteFile.ConnectReadOnly(source));
            var wrapped = SqliteMeta.ReadWrapped(file);
            var sourceKeys = OfFile(source, () => KeySource.Load(source, KeyRing.KeyIdOf(wrapped)));
            await using var connections = new PostgresConnections(target.ConnectionString, CopySeconds);
            await using var session = await PostgresSession.OpenAsync(connections, keys, cancellationToken);
            if (!await session.TryLockAsync(isShared: false))
                throw new JournalUnavailableException(
                    $"The journal in PostgreSQL is owned by {await session.HolderAsync()}; stop that process first."
                );
            var secrets = JournalSecrets.Open(sourceKeys, wrapped);
            if (
                await PostgresSchema.CheckAsync(session.Connection, keys) is { } another
                && !another.HashesLike(secrets)
            )
                throw new InvalidJournalException(
                    "The database already contains another journal; name an empty schema (Search Path=… in "
                        + "journal.connectionString)."
                );
            await PostgresSchema.PrepareAsync(session.Connection, keys, secrets);
            if (
                await session.Connection.ScalarAsync<bool>(
                    "SELECT EXISTS (SELECT 1 FROM charging_request) OR EXISTS (SELECT 1 FROM charging_idempotency)"
                )
            )
                throw new InvalidJournalException(
                    $"The journal was moved before: its requests are in PostgreSQL already. If {source.Path} was not "
                        + "used since, rename it and its key: a service started on it would send callbacks twice."
                );

            var rows = file.CountRows(); // before the transaction, in which the session must not be idle for long
            await using var transaction = await session.Connection.BeginTransactionAsync(cancellationToken);
            await session.Connection.ExecuteAsync($"SET LOCAL statement_timeout = '{CopySeconds}s'");
            var (requests, unsettled) = await CopyRequestsAsync(
                file,
                session.Connection,
                sourceKeys,
                keys,
                copied => progress(copied, rows),
                damaged,
                cancellationToken
            );
            var claims = await CopyClaimsAsync(
                file,
                session.Connection,
                copied => progress(requests + copied, rows),
                cancellationToken
            );
            await CommitAsync(transaction);
            return new(requests, unsettled, claims, source.Path + Suffix);
        }
        catch (SqliteException e)
        {
            throw new JournalUnavailableException(SqliteProblem.Describe(e, source.Path), e);
        }
        catch (Exception e) when (PostgresProblem.IsOne(e))
        {
            throw new JournalUnavailableException(PostgresProblem.Describe(e), e);
        }
    }

    /// <summary>Commits, which cannot be cancelled: whether it was made would not be known.</summary>
    private static async Task CommitAsync(NpgsqlTransaction transaction)
    {
        try
        {
            await transaction.CommitAsync(CancellationToken.None);
        }
        catch (Exception e) when (PostgresProblem.IsOne(e))
        {
            throw new JournalUnavailableException(
                "Whether the journal was moved is not known, because its commit was not confirmed: "
                    + $"{PostgresProblem.Describe(e)} Start no service on either, and repeat the command: it moves "
                    + "the journal, or says that it was moved before.",
                e
            );
        }
    }

    /// <summary>Uses a file of the journal; its failure must not be taken for one of the connection.</summary>
    private static T OfFile<T>(JournalSettings source, Func<T> use)
    {
        try
        {
            return use();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new JournalUnavailableException($"The journal {source.Path} cannot be used: {e.Message}", e);
        }
    }

    private static long CountRows(this SqliteConnection file)
    {
        using var command = file.CreateCommand();
        command.CommandText = "SELECT (SELECT count(*) FROM request) + (SELECT count(*) FROM idempotency)";
        return (long)command.ExecuteScalar()!;
    }

    /// <summary>Copies the requests, and reports all that are damaged: the operator needs to know them all.</summary>
    /// <exception cref="InvalidJournalException">Some are damaged: nothing is moved.</exception>
    private static async Task<(long All, long Unsettled)> CopyRequestsAsync(
        SqliteConnection file,
        NpgsqlConnection connection,
        KeyRing from,
        KeyRing to,
        Action<long> progress,
        DamagedRowReport damaged,
        CancellationToken cancellationToken
    )
    {
        var (all, unsettled, leftOut) = (0L, 0L, 0L);
        using var command = file.CreateCommand();
        command.CommandText = Requests;
        using var rows = command.ExecuteReader();
        await using var copy = await connection.BeginBinaryImportAsync(CopyRequests, cancellationToken);
        while (rows.Read())
        {
            all++;
            unsettled += rows.IsDBNull(SettledAtColumn) ? 1 : 0;
            var id = StoredId.Read(rows.GetFieldValue<byte[]>(IdColumn));
            var read = rows.TryRead(id, (row, _) => ReadValues(row, from, to));
            if (read.Row is { } values)
            {
                await WriteAsync(copy, values, cancellationToken);
            }
            else
            {
                leftOut++;
                damaged(id, read.Damage!);
            }

            progress(all);
        }

        if (leftOut > 0)
            throw new InvalidJournalException(
                $"Nothing was moved, because {leftOut} of {all} requests are damaged. Delete them with their "
                    + "idempotency keys, repeat the command, and ask the callers of those that were pending to submit "
                    + "again."
            );
        await copy.CompleteAsync(cancellationToken);
        return (all, unsettled);
    }

    /// <summary>Reads the values of a request as PostgreSQL stores them.</summary>
    /// <exception cref="InvalidJournalException">The row is damaged.</exception>
    private static object?[] ReadValues(DbDataReader row, KeyRing from, KeyRing to)
    {
        var id = row.GetFieldValue<byte[]>(IdColumn);
        var values = new object?[RequestTypes.Length];
        for (var column = 0; column < values.Length; column++)
        {
            if (row.IsDBNull(column))
                continue;
            var value = row.GetValue(column);
            if (!CanHold(RequestTypes[column], value))
                throw new InvalidJournalException(
                    $"The journal is damaged: column {row.GetName(column)} contains an unexpected value."
                );
            values[column] = column switch
            {
                IdColumn => StoredId.Read(id).Value,
                SecretsColumn => to.Seal(from.Open((byte[])value, id), id),
                // Settled requests do not require the key of their details.
                DetailsColumn when !from.Contains(KeyRing.KeyIdOf((byte[])value)) => null,
                DetailsColumn => JournalSecrets.MoveDetails(id, (byte[])value, from, to),
                AttemptsMadeColumn => checked((int)(long)value),
                _ => value,
            };
        }

        return values;
    }

    /// <summary>Checks whether PostgreSQL's column can hold a value; SQLite's can hold any.</summary>
    private static bool CanHold(NpgsqlDbType type, object value) =>
        type switch
        {
            NpgsqlDbType.Uuid => value is byte[] { Length: 16 },
            NpgsqlDbType.Bytea => value is byte[],
            NpgsqlDbType.Text => value is string,
            _ => value is long,
        };

    private static async Task WriteAsync(
        NpgsqlBinaryImporter copy,
        object?[] values,
        CancellationToken cancellationToken
    )
    {
        await copy.StartRowAsync(cancellationToken);
        await copy.WriteAsync(0L, NpgsqlDbType.Bigint, cancellationToken); // no term: resumed by the next owner
        foreach (var (column, value) in values.Index())
        {
            if (value is null)
                await copy.WriteNullAsync(cancellationToken);
            else
                await copy.WriteAsync(value, RequestTypes[column], cancellationToken);
        }
    }

    private static async Task<long> CopyClaimsAsync(
        SqliteConnection file,
        NpgsqlConnection connection,
        Action<long> progress,
        CancellationToken cancellationToken
    )
    {
        var copied = 0L;
        using var command = file.CreateCommand();
        command.CommandText = "SELECT key_hash, body_hash, id, until FROM idempotency";
        using var rows = command.ExecuteReader();
        await using var copy = await connection.BeginBinaryImportAsync(
            "COPY charging_idempotency (key_hash, body_hash, id, until) FROM STDIN (FORMAT BINARY)",
            cancellationToken
        );
        while (rows.Read())
        {
            await copy.StartRowAsync(cancellationToken);
            await copy.WriteAsync(rows.GetString(0), NpgsqlDbType.Text, cancellationToken);
            await copy.WriteAsync(rows.GetString(1), NpgsqlDbType.Text, cancellationToken);
            await copy.WriteAsync(
                StoredId.Read(rows.GetFieldValue<byte[]>(2)).Value,
                NpgsqlDbType.Uuid,
                cancellationToken
            );
            await copy.WriteAsync(rows.GetInt64(3), NpgsqlDbType.Bigint, cancellationToken);
            progress(++copied);
        }

        return (long)await copy.CompleteAsync(cancellationToken);
    }
}
