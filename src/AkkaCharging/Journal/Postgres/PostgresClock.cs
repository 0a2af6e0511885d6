using System.Buffers.Binary;
using System.Text;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>
/// Stores a <see cref="JournalClock"/> in the database, where nodes of a cluster also report the readings of their own
/// clocks.
/// </summary>
/// <remarks>
/// A process that owns the journal alone stores the clock in the same transaction as the first rows stored after it was
/// set: a process that ends then leaves no row with a time that the next one does not know how to read.
/// Of a cluster, one node deletes old rows and stores the journal's clock; the others store times of their own.
/// Each of those reports its clock's reading once a minute, and in the same transaction as the first rows stored after
/// the clock was set. So a reader of such a row also sees the reading, and the lowest reading counts.
/// </remarks>
internal sealed class PostgresClock(JournalClock clock, TimeProvider time, Guid node)
{
    /// <summary>SQL condition: the deleting process has taken in every reading that a node reported.</summary>
    public const string NothingTold = "NOT EXISTS (SELECT FROM charging_meta WHERE name LIKE 'clock of %')";

    private const string Name = "clock";

    private const string TellSql = """
        INSERT INTO charging_meta AS told (name, value) VALUES ('clock of ' || $1::text, int8send($2))
        ON CONFLICT (name) DO UPDATE SET value = least(told.value, excluded.value)
        """;

    private DateTimeOffset? _untold;
    private bool _isSaving;

    /// <summary>Continues with the clock that the previous process stored.</summary>
    public async Task ResumeAsync(NpgsqlConnection connection)
    {
        var saved = await connection.ScalarAsync<byte[]>("SELECT value FROM charging_meta WHERE name = $1", Name);
        clock.Resume(saved is null ? null : Encoding.ASCII.GetString(saved), await WitnessAsync(connection));
    }

    /// <summary>
    /// Adds the reading of this node's clock since it was set, if it was set, to a batch; repeated until
    /// <see cref="Told"/>.
    /// </summary>
    public void AddTo(NpgsqlBatch batch)
    {
        var low = clock.TakeLow();
        _untold = low < _untold || _untold is null ? low ?? _untold : _untold;
        if (_untold is { } reading)
            batch.Add(TellSql, node, reading.UtcTicks);
    }

    /// <summary>Adds the journal's clock to a batch, when it is due to be stored.</summary>
    public async ValueTask AddSavedAsync(NpgsqlBatch batch, NpgsqlConnection connection)
    {
        _isSaving = false;
        if (!clock.IsSaveDue())
            return;
        var witness = await WitnessAsync(connection);
        if (clock.Save(() => witness) is not { } text)
            return;
        batch.Add(PostgresSchema.Keep, Name, Encoding.ASCII.GetBytes(text));
        _isSaving = true;
    }

    /// <summary>Marks what was added to a batch as committed.</summary>
    public void Told()
    {
        _untold = null;
        if (_isSaving)
            clock.Stored();
        _isSaving = false;
    }

    /// <summary>Reports the reading of this node's clock.</summary>
    public Task TellAsync(NpgsqlConnection connection) =>
        connection.ExecuteAsync(TellSql, node, time.GetUtcNow().UtcTicks);

    /// <summary>
    /// Takes in the readings of other nodes, and stores the journal's clock when that is due. Called by the deleting
    /// node of a cluster, and by the writer of a process that owns the journal alone.
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
            await connection.ExecuteAsync(PostgresSchema.Keep, Name, Encoding.ASCII.GetBytes(text));
            clock.Stored();
        }

        // Deleted only after the clock was stored, and without readings reported since.
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
    /// Reads the database's clock as a witness. It can be set as well, so it counts only where it agrees with this
    /// process's clock.
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
