using Npgsql;

namespace AkkaCharging.Testing.Postgres;

/// <summary>
/// One PostgreSQL for all test classes of the run: <c>AKKACHARGING_TEST_POSTGRES</c>, or the server that this process
/// shares; a fresh schema for each test.
/// </summary>
internal sealed class PostgresFixture : IAsyncDisposable
{
    private readonly string? _given = Environment.GetEnvironmentVariable("AKKACHARGING_TEST_POSTGRES");
    private readonly List<string> _schemas = [];
    private string? _shared;

    /// <summary>The server of the schemas' connection strings; no test kills it.</summary>
    public string ConnectionString => _given ?? _shared!;

    /// <summary>A connection string whose tables lie in a new, empty schema.</summary>
    public async Task<string> NewSchemaAsync()
    {
        var schema = $"test_{Guid.NewGuid():N}";
        await ExecuteAsync($"CREATE SCHEMA {schema}");
        _schemas.Add(schema);
        return new NpgsqlConnectionStringBuilder(ConnectionString) { SearchPath = schema }.ConnectionString;
    }

    public async Task StartAsync()
    {
        if (string.IsNullOrEmpty(_given))
            _shared = (await PostgresServer.SharedAsync()).ConnectionString;
    }

    public async ValueTask DisposeAsync()
    {
        if (_shared is not null)
            return; // they go with it

        foreach (var schema in _schemas)
            await ExecuteAsync($"DROP SCHEMA {schema} CASCADE");
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
