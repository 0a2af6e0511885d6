using System.Buffers.Binary;
using System.Text;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>
/// Where the database keeps a <see cref="JournalClock"/>, and where nodes of a cluster tell what theirs read.
/// </summary>
/// <remarks>
/// One process deletes, and keeps the journal's clock; the others keep times by wall clocks of their own. Each of those
/// tells once a minute what its clock reads, and in the same transaction as the first rows that are kept after it was
/// set: so whoever sees such a row sees that, too, and the lowest reading counts.
/// </remarks>
internal sealed class PostgresClock(JournalClock clock, TimeProvider time, Guid node)
{
    /// <summary>Condition: no node has told anything that the process that deletes has not taken in.</summary>
    public const string NothingTold = "NOT EXISTS (SELECT FROM charging_meta WHERE name LIKE 'clock of %')";

    private const string Name = "clock";

    private const string TellSql = """
        INSERT INTO charging_meta AS told (name, value) VALUES ('clock of ' || $1::text, int8send($2))
        ON CONFLICT (name) DO UPDATE SET value = least(told.value, excluded.value)
        """;

    private DateTimeOffset? _untold;

    /// <summary>Goes on from what the process had kept that had the journal before.</summary>
    public async Task ResumeAsync(NpgsqlConnection connection)
    {
        var saved = await connection.ScalarAsync<byte[]>("SELECT value FROM charging_meta WHERE name = $1", Name);
        clock.Resume(saved is null ? null : Encoding.ASCII.GetString(saved), await WitnessAsync(connection));
    }

    /// <summary>
    /// Adds what this node's clock has read since it was set, if it was, to a batch. Again, until <see cref="Told"/>.
    /// </summary>
    public void AddTo(NpgsqlBatch batch)
    {
        var low = clock.TakeLow();
        _untold = low < _untold || _untold is null ? low ?? _untold : _untold;
        if (_untold is { } reading)
            batch.Add(TellSql, node, reading.UtcTicks);
    }

    /// <summary>The batch was committed.</summary>
    public void Told() => _untold = null;

    /// <summary>Tells what this node's clock reads.</summary>
    public Task TellAsync(NpgsqlConnection connection) =>
        connection.ExecuteAsync(TellSql, node, time.GetUtcNow().UtcTicks);

    /// <summary>
    /// Takes in what others told, and keeps the journal's clock when it is time to. By the process that deletes.
    /// </summary>
    public async Task KeepAsync(NpgsqlConnection connection)
    {
        var told = await connection.AllAsync(
            row => (Name: row.GetString(0), Value: row.GetFieldValue<byte[]>(1)),
            "SELECT name, value FROM charging_meta WHERE name LIKE 'clock of %'"
        );
        foreach (var (_, value) in told)
            clock.Observe(StoredNames.Time(BinaryPrimitives.ReadInt64BigEndian(value)));
        var witness = await WitnessAsync(connection);
        if (clock.Save(() => witness) is { } text)
        {
            await connection.ExecuteAsync(
                "INSERT INTO charging_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET "
                    + "value = excluded.value",
                Name,
                Encoding.ASCII.GetBytes(text)
            );
        }

        // After it was kept; and not what was told meanwhile.
        if (told.Count > 0)
        {
            await connection.ExecuteAsync(
                "DELETE FROM charging_meta kept USING unnest($1, $2) AS seen (name, value) WHERE kept.name = "
                    + "seen.name AND kept.value = seen.value",
                told.Select(row => row.Name).ToArray(),
                told.Select(row => row.Value).ToArray()
            );
        }
    }

    /// <summary>
    /// The database's clock. It can be set as well: so it is believed where it agrees with this process's.
    /// </summary>
    private async Task<ClockWitness?> WitnessAsync(NpgsqlConnection connection) =>
        time is IWitnessedTime witnessed ? witnessed.Witness
        : time != TimeProvider.System ? null
        : new(
            "postgres",
            await connection.ScalarAsync<long>("SELECT (extract(epoch FROM clock_timestamp()) * 10000000)::bigint"),
            IsSteady: false
        );
}
