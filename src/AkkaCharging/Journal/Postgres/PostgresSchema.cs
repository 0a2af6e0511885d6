using AkkaCharging.Journal.Encryption;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>The journal's tables, how those of an older version become them, and the keys that they need.</summary>
/// <remarks>
/// They lie in the first schema of the connection's search path. Times are .NET ticks (100 ns, UTC), states and reasons
/// their names.
/// </remarks>
internal static class PostgresSchema
{
    /// <summary>
    /// For a step that goes through all rows of a large journal. A second process waits for it as for any owner.
    /// </summary>
    private const int StepSeconds = 3_600;

    /// <summary>"AkCp", the first half of the key of the lock under which the tables are put in order.</summary>
    private const int PreparingClass = 0x416B_4370;

    // Step n leads from version n to n + 1. Steps are only ever added. Room in each page lets a decision stay beside
    // its request without a new index entry: so no index may name what a decision changes, its condition included.
    private static readonly string[] Steps =
    [
        """
            CREATE TABLE charging_request (
                seq bigint GENERATED ALWAYS AS IDENTITY,
                id uuid PRIMARY KEY,
                epoch bigint NOT NULL,
                lane smallint NOT NULL DEFAULT 0,
                station text NOT NULL,
                token_masked text NOT NULL,
                token_fingerprint bytea NOT NULL,
                destination text NOT NULL,
                secrets bytea,
                api_key text,
                accepted_at bigint NOT NULL,
                expires_at bigint NOT NULL,
                trace text,
                state text NOT NULL DEFAULT 'queued',
                status text,
                reason text,
                decided_at bigint,
                settled_at bigint,
                attempts text NOT NULL DEFAULT '',
                attempts_made integer NOT NULL DEFAULT 0
            ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);
            CREATE INDEX charging_request_unsettled ON charging_request (seq) WHERE settled_at IS NULL;
            CREATE INDEX charging_request_settled ON charging_request (settled_at) WHERE settled_at IS NOT NULL;
            CREATE TABLE charging_idempotency (key_hash text PRIMARY KEY, body_hash text NOT NULL, id uuid NOT NULL, until bigint NOT NULL);
            CREATE INDEX charging_idempotency_until ON charging_idempotency (until);
            CREATE TABLE charging_owner (single boolean PRIMARY KEY DEFAULT true CHECK (single), epoch bigint NOT NULL, instance uuid NOT NULL, holder text NOT NULL);
            CREATE TABLE charging_key (id text PRIMARY KEY);
            CREATE TABLE charging_meta (name text PRIMARY KEY, value bytea NOT NULL);
            COMMENT ON COLUMN charging_request.epoch IS 'the term of the owner that accepted it';
            COMMENT ON COLUMN charging_request.secrets IS 'driver token and callback URL, encrypted; null once delivered or expired';
            """,
        """
            ALTER TABLE charging_request ADD COLUMN redriven_at bigint;
            CREATE INDEX charging_request_dead ON charging_request (settled_at, id) WHERE settled_at IS NOT NULL AND secrets IS NOT NULL;
            CREATE INDEX charging_request_dead_destination ON charging_request (destination, settled_at, id) WHERE settled_at IS NOT NULL AND secrets IS NOT NULL;
            COMMENT ON COLUMN charging_request.epoch IS 'the term of the owner that accepted it, or redrove it last';
            """,
        """
            CREATE INDEX charging_request_unsettled_lane ON charging_request (lane, seq) WHERE settled_at IS NULL;
            DROP INDEX charging_request_unsettled;
            CREATE TABLE charging_node (instance uuid PRIMARY KEY, holder text NOT NULL, version bigint NOT NULL DEFAULT 1);
            CREATE TABLE charging_lane (lane smallint PRIMARY KEY, epoch bigint NOT NULL DEFAULT 0, owner uuid, taken_at bigint);
            COMMENT ON COLUMN charging_request.epoch IS 'the term of the owner that accepted it, or redrove it last; in a cluster the term of its lane';
            COMMENT ON TABLE charging_node IS 'the nodes of a cluster; a version is raised before a lane is taken away from its node';
            CREATE FUNCTION charging_fence(node uuid, known bigint) RETURNS void LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM 1 FROM charging_node WHERE instance = node AND version = known FOR SHARE;
                IF NOT FOUND THEN
                    RAISE EXCEPTION 'lanes were taken from this node' USING ERRCODE = 'AKC01';
                END IF;
            END $$;
            CREATE FUNCTION charging_take(wanted smallint, node uuid, now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
            DECLARE
                former uuid;
                term bigint;
            BEGIN
                SELECT owner INTO former FROM charging_lane WHERE lane = wanted FOR UPDATE;
                IF former <> node THEN
                    UPDATE charging_node SET version = version + 1 WHERE instance = former; -- waits for what it is committing
                END IF;
                INSERT INTO charging_owner AS last (epoch, instance, holder) SELECT 1, node, holder FROM charging_node WHERE instance = node
                    ON CONFLICT (single) DO UPDATE SET epoch = last.epoch + 1, instance = excluded.instance, holder = excluded.holder
                    RETURNING last.epoch INTO term; -- no term is ever used twice, in a cluster or before it
                UPDATE charging_lane SET epoch = term, owner = node, taken_at = now WHERE lane = wanted;
                RETURN term;
            END $$;
            """,
    ];

    /// <summary>The version that this build reads and writes.</summary>
    public static int Version => Steps.Length;

    /// <summary>Reads what the journal hashes with; null when there is no journal yet.</summary>
    /// <exception cref="InvalidJournalException">It is of a newer version, or encrypted with a key that is not
    /// here.</exception>
    public static async Task<JournalSecrets?> CheckAsync(NpgsqlConnection connection, KeyRing keys) =>
        await ReadWrappedAsync(connection) is { } wrapped ? JournalSecrets.Open(keys, wrapped) : null;

    /// <summary>Reads what the journal hashes with, still encrypted; null when there is no journal yet.</summary>
    /// <exception cref="InvalidJournalException">It is of a newer version.</exception>
    public static async Task<byte[]?> ReadWrappedAsync(NpgsqlConnection connection)
    {
        if (await VersionAsync(connection) is not (> 0 and var version))
            return null;
        if (version > Version)
        {
            throw new InvalidJournalException(
                $"The journal has schema version {version}; this version of the service reads up to {Version}. "
                    + "Run the version that wrote it, or a newer one."
            );
        }

        return await connection.ScalarAsync<byte[]>("SELECT value FROM charging_meta WHERE name = 'hash_secret'")
            ?? throw JournalSecrets.Missing();
    }

    /// <summary>
    /// Brings the tables to this version, and puts what the journal hashes with under the first key. Under a lock of
    /// its own.
    /// </summary>
    /// <param name="first">Secrets whose hash secret a fresh journal takes over; null for one of its own.</param>
    /// <exception cref="InvalidJournalException">Rows still need a key that is not here.</exception>
    public static async Task<JournalSecrets> PrepareAsync(
        NpgsqlConnection connection,
        KeyRing keys,
        JournalSecrets? first = null
    )
    {
        await using var transaction = await connection.BeginTransactionAsync();
        await LockPreparingAsync(connection);
        var secrets = await CheckAsync(connection, keys) ?? first?.Under(keys) ?? JournalSecrets.Create(keys);
        foreach (var step in Steps.Skip(await VersionAsync(connection)))
        {
            await using var command = connection.Command($"SET LOCAL statement_timeout = '{StepSeconds}s'; {step}");
            command.CommandTimeout = StepSeconds;
            await command.ExecuteNonQueryAsync();
        }

        await connection.ExecuteAsync("SET LOCAL statement_timeout = '5s'");
        await KeepAsync(connection, "version", BitConverter.GetBytes(Version));
        await KeepAsync(connection, "hash_secret", secrets.Wrap());
        await RegisterAsync(connection, keys);
        await transaction.CommitAsync();
        return secrets;
    }

    /// <summary>
    /// Lets others that put the tables in order wait until the end of the transaction: nodes of a cluster start side by
    /// side.
    /// </summary>
    public static Task LockPreparingAsync(NpgsqlConnection connection) =>
        connection.ExecuteAsync(
            $"SELECT pg_advisory_xact_lock({PreparingClass}, hashtext(coalesce(current_schema(), '')))"
        );

    private static async Task<int> VersionAsync(NpgsqlConnection connection)
    {
        if (!await connection.ScalarAsync<bool>("SELECT to_regclass('charging_meta') IS NOT NULL"))
            return 0;
        var version = await connection.ScalarAsync<byte[]>("SELECT value FROM charging_meta WHERE name = 'version'");
        return version is { Length: sizeof(int) }
            ? BitConverter.ToInt32(version)
            : throw new InvalidJournalException("The journal is damaged: its version is missing.");
    }

    private static Task<int> KeepAsync(NpgsqlConnection connection, string name, byte[] value) =>
        connection.ExecuteAsync(
            "INSERT INTO charging_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = "
                + "excluded.value",
            name,
            value
        );

    private static async Task RegisterAsync(NpgsqlConnection connection, KeyRing keys)
    {
        var used = await connection.AllAsync(found => found.GetString(0), "SELECT id FROM charging_key");
        foreach (var id in used.Where(id => !keys.Contains(id)))
        {
            if (
                await connection.ScalarAsync<bool>(
                    "SELECT EXISTS (SELECT 1 FROM charging_request WHERE substr(secrets, 1, 8) = $1)",
                    Convert.FromHexString(id)
                )
            )
                throw JournalSecrets.KeyIsMissing(id);
            await connection.ExecuteAsync("DELETE FROM charging_key WHERE id = $1", id);
        }

        await connection.ExecuteAsync(
            "INSERT INTO charging_key (id) VALUES ($1) ON CONFLICT DO NOTHING",
            keys.WritingKeyId
        );
    }
}
