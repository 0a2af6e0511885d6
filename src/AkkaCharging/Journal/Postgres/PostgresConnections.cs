using AkkaCharging.Connections;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>Opens connections to the journal's database, each with time-outs.</summary>
internal sealed class PostgresConnections : IAsyncDisposable
{
    private const int ConnectSeconds = 3;
    private const int CommandSeconds = 5;
    private const int ReadersMax = 8;

    private readonly string _owning;

    /// <param name="commandSeconds">Time-out of a command.</param>
    /// <exception cref="InvalidJournalException">The connection string is invalid, or names no host.</exception>
    public PostgresConnections(string connectionString, int commandSeconds = CommandSeconds)
    {
        var builder = Read(connectionString);
        if (string.IsNullOrWhiteSpace(builder.Host))
            throw Unusable("names no host");
        if (builder.CheckCertificateRevocation)
            throw Unusable("asks for Check Certificate Revocation, which is not supported");
        builder.Timeout = ConnectSeconds;
        builder.CommandTimeout = commandSeconds;
        builder.CancellationTimeout = -1; // a command that timed out ends its connection at once
        builder.ApplicationName ??= "AkkaCharging";
        builder.MaxAutoPrepare = 20;
        builder.AutoPrepareMinUsages = 1;
        builder.MaxPoolSize = ReadersMax;
        builder.Enlist = false;
        builder.Multiplexing = false;
        builder.IncludeErrorDetail = false; // a detail quotes the row
        builder.PersistSecurityInfo = false;
        if (builder.GssEncryptionMode == GssEncryptionMode.Prefer)
            // The default would look for a Kerberos library for each connection, and report a missing one on standard
            // error.
            builder.GssEncryptionMode = GssEncryptionMode.Disable;
        Readers = Create(builder);
        builder.Pooling = false; // the session holds the lock, and would keep it in a pool
        _owning = builder.ConnectionString;
    }

    /// <summary>Pooled connections for everything that does not need the lock.</summary>
    public NpgsqlDataSource Readers { get; }

    /// <summary>Opens an unpooled session, which ends when it is closed.</summary>
    public async Task<NpgsqlConnection> OpenOwnAsync(CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(_owning)
        {
            SslClientAuthenticationOptionsCallback = PeerCertificates.Judge,
        };
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => Readers.DisposeAsync();

    private static NpgsqlConnectionStringBuilder Read(string connectionString)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(connectionString);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException)
        {
            throw Unusable("cannot be read");
        }
    }

    private static NpgsqlDataSource Create(NpgsqlConnectionStringBuilder builder)
    {
        try
        {
            return new NpgsqlDataSourceBuilder(builder.ConnectionString)
                .UseSslClientAuthenticationOptionsCallback(PeerCertificates.Judge)
                .Build();
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or NotSupportedException)
        {
            throw Unusable("contains settings that contradict each other"); // each is valid on its own
        }
    }

    /// <remarks>The cause is omitted, because it may quote the connection string and its password.</remarks>
    private static InvalidJournalException Unusable(string problem) =>
        new($"journal.connectionString {problem}; expected one of Npgsql: Host=…;Username=…;Password=…;Database=….");
}

/// <summary>Creates and runs commands with positional parameters.</summary>
internal static class PostgresCommands
{
    /// <summary>Time-out of what may read or write all rows of a large journal.</summary>
    public const int PatientSeconds = 3_600;

    public static NpgsqlCommand Command(
        this NpgsqlConnection connection,
        string sql,
        params ReadOnlySpan<object?> values
    )
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value ?? DBNull.Value });
        return command;
    }

    /// <returns>The command that was added.</returns>
    public static NpgsqlBatchCommand Add(this NpgsqlBatch batch, string sql, params ReadOnlySpan<object?> values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value ?? DBNull.Value });
        batch.BatchCommands.Add(command);
        return command;
    }

    public static async Task<int> ExecuteAsync(this NpgsqlConnection connection, string sql, params object?[] values)
    {
        await using var command = connection.Command(sql, values);
        return await command.ExecuteNonQueryAsync();
    }

    /// <returns>The first column of the first row; default when there is no row or the value is null.</returns>
    public static async Task<T?> ScalarAsync<T>(this NpgsqlConnection connection, string sql, params object?[] values)
    {
        await using var command = connection.Command(sql, values);
        return await command.ExecuteScalarAsync() is T value ? value : default;
    }

    /// <summary>Runs, in a transaction, what may read or write all rows of a large journal.</summary>
    /// <returns>As of <see cref="ScalarAsync"/>.</returns>
    public static async Task<T?> PatientAsync<T>(this NpgsqlConnection connection, string sql, params object?[] values)
    {
        await connection.ExecuteAsync($"SET LOCAL statement_timeout = '{PatientSeconds}s'");
        await using var command = connection.Command(sql, values);
        command.CommandTimeout = PatientSeconds;
        var value = await command.ExecuteScalarAsync();
        await connection.ExecuteAsync("SET LOCAL statement_timeout = '5s'");
        return value is T found ? found : default;
    }

    public static async Task<List<T>> AllAsync<T>(
        this NpgsqlConnection connection,
        Func<NpgsqlDataReader, T> read,
        string sql,
        params object?[] values
    )
    {
        await using var command = connection.Command(sql, values);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<T>();
        while (await reader.ReadAsync())
            rows.Add(read(reader));
        return rows;
    }
}
