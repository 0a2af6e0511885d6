using AkkaCharging.Journal.Encryption;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>The journal's tables, their migration from older versions, and the keys that they need.</summary>
/// <remarks>
/// The tables are in the first schema of the connection's search path. Times are stored as .NET ticks (100 ns, UTC),
/// states and reasons by name.
/// </remarks>
internal static class PostgresSchema
{
    /// <summary>
    /// Time-out of a migration step, which may read all rows of a large journal, and of the search for a key. Meanwhile
    /// a second process waits as it does for any owner of the journal.
    /// </summary>
    private const int StepSeconds = PostgresCommands.PatientSeconds;

    /// <summary>Stores a value of the journal as a whole, by its name.</summary>
    public const string Keep = """
        INSERT INTO charging_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value
        """;

    /// <summary>First half of the key of the lock under which the tables are migrated ("AkCp").</summary>
    private const int PreparingClass = 0x416B_4370;

    /// <summary>
    /// Checks whether a secret is encrypted with a key: one condition for each index of rows with secrets.
    /// </summary>
    public const string NeedsKey = """
        SELECT EXISTS (SELECT FROM charging_request WHERE settled_at IS NULL AND substr(secrets, 1, 8) = $1)
            OR EXISTS (
                SELECT FROM charging_request
                WHERE settled_at IS NOT NULL AND secrets IS NOT NULL AND substr(secrets, 1, 8) = $1)
        """;

    private static readonly string[] Steps = SchemaSteps.Read("Postgres");

    /// <summary>The version that this build reads and writes.</summary>
    public static int Version => Steps.Length;

    /// <summary>Reads the hash secret and keys; null when there is no journal yet.</summary>
    /// <exception cref="InvalidJournalException">The journal is of a newer version, in another schema, or encrypted
    /// with a key that is not configured.</exception>
    public static async Task<JournalSecrets?> CheckAsync(NpgsqlConnection connection, KeyRing keys)
    {
        await CheckSchemaAsync(connection);
        return await ReadWrappedAsync(connection) is { } wrapped ? JournalSecrets.Open(keys, wrapped) : null;
    }

    /// <summary>Checks that every key is configured that the journal needs, if there is one yet.</summary>
    /// <exception cref="InvalidJournalException">The journal is of a newer version, or a key is missing.</exception>
    public static async Task CheckKeysAsync(NpgsqlConnection connection, KeyRing keys)
    {
        if (await CheckAsync(connection, keys) is not null)
            await FindRetiredAsync(connection, keys);
    }

    /// <summary>
    /// Says that the tables are of an older version, which the next start migrates; null when they are of this one, or
    /// there are none yet.
    /// </summary>
    public static async Task<string?> DescribeOlderAsync(NpgsqlConnection connection) =>
        await VersionAsync(connection) is > 0 and var version
            ? SchemaSteps.DescribeOlder("The journal in PostgreSQL", version, Version)
            : null;

    /// <summary>Reads the sealed hash secret; null when there is no journal yet.</summary>
    /// <exception cref="InvalidJournalException">The journal is of a newer version.</exception>
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
    /// Migrates the tables to this version, and seals the hash secret with the first key, under a lock.
    /// </summary>
    /// <param name="first">Secrets whose hash secret a new journal takes over; null to create one.</param>
    /// <exception cref="InvalidJournalException">Rows still need a key that is not configured.</exception>
    public static async Task<JournalSecrets> PrepareAsync(
        NpgsqlConnection connection,
        KeyRing keys,
        JournalSecrets? first = null
    )
    {
        await using var transaction = await connection.BeginTransactionAsync();
        await LockPreparingAsync(connection);
        var secrets = await CheckAsync(connection, keys) ?? first?.Under(keys) ?? JournalSecrets.Create(keys);
        await connection.ExecuteAsync($"SET LOCAL statement_timeout = '{StepSeconds}s'");
        foreach (var step in Steps.Skip(await VersionAsync(connection)))
        {
            await using var command = connection.Command(step);
            command.CommandTimeout = StepSeconds;
            await command.ExecuteNonQueryAsync();
        }

        await RegisterAsync(connection, keys);
        await connection.ExecuteAsync("SET LOCAL statement_timeout = '5s'");
        await KeepAsync(connection, "version", BitConverter.GetBytes(Version));
        await KeepAsync(connection, "hash_secret", secrets.Wrap());
        await transaction.CommitAsync();
        return secrets;
    }

    /// <summary>
    /// Makes concurrent migrations wait until the end of the transaction, because nodes of a cluster may start at the
    /// same time.
    /// </summary>
    public static Task LockPreparingAsync(NpgsqlConnection connection) =>
        connection.ExecuteAsync(
            $"SELECT pg_advisory_xact_lock({PreparingClass}, hashtext(coalesce(current_schema(), '')))"
        );

    // Locks are those of the first schema, where new tables are made; tables are found along the whole search path.
    private const string OtherSchema = """
        SELECT quote_ident(nspname) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE pg_class.oid = to_regclass('charging_meta') AND nspname IS DISTINCT FROM current_schema()
        """;

    /// <exception cref="InvalidJournalException">The journal is not in the schema whose locks are taken.</exception>
    private static async Task CheckSchemaAsync(NpgsqlConnection connection)
    {
        if (await connection.ScalarAsync<string>(OtherSchema) is { } schema)
        {
            throw new InvalidJournalException(
                $"The connection finds the journal of the schema {schema} behind another schema of its search path. "
                    + $"Set Search Path={schema} in journal.connectionString, or a path without that schema for a "
                    + "journal of its own."
            );
        }
    }

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
        connection.ExecuteAsync(Keep, name, value);

    /// <summary>Returns the used keys that are no longer configured.</summary>
    /// <exception cref="InvalidJournalException">Rows still need one of them.</exception>
    private static async Task<List<string>> FindRetiredAsync(NpgsqlConnection connection, KeyRing keys)
    {
        var used = await connection.AllAsync(found => found.GetString(0), "SELECT id FROM charging_key");
        var retired = used.Where(id => !keys.Contains(id)).ToList();
        foreach (var id in retired)
        {
            await using var search = connection.Command(NeedsKey, Convert.FromHexString(id));
            search.CommandTimeout = StepSeconds;
            if (await search.ExecuteScalarAsync() is true)
                throw JournalSecrets.KeyIsMissing(id);
        }

        return retired;
    }

    private static async Task RegisterAsync(NpgsqlConnection connection, KeyRing keys)
    {
        foreach (var id in await FindRetiredAsync(connection, keys))
            await connection.ExecuteAsync("DELETE FROM charging_key WHERE id = $1", id);

        await connection.ExecuteAsync(
            "INSERT INTO charging_key (id) VALUES ($1) ON CONFLICT DO NOTHING",
            keys.WritingKeyId
        );
    }
}
