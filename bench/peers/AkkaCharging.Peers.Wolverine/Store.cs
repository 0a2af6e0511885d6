using System.Data.Common;
using Npgsql;
using Weasel.Sqlite;
using Wolverine;
using Wolverine.Postgresql;
using Wolverine.Sqlite;

namespace AkkaCharging.Peers.Wolverine;

/// <summary>Wolverine's message store, as durable as the service's journal of the same kind.</summary>
internal sealed class Store : IAsyncDisposable
{
    private readonly DbDataSource _source;
    private readonly bool _isSqlite;

    /// <param name="kind"><c>sqlite</c> or <c>postgres</c>.</param>
    /// <param name="connectionString">Of PostgreSQL with the schema in its search path.</param>
    public Store(string kind, string connectionString)
    {
        _isSqlite = kind is "sqlite";
        _source = _isSqlite
            // Wolverine itself would say NORMAL, with which a power cut takes back what was answered 200.
            ? new SqliteDataSource(connectionString, new SqlitePragmaSettings { Synchronous = SynchronousMode.FULL })
            : NpgsqlDataSource.Create(connectionString);
    }

    public void Configure(WolverineOptions wolverine)
    {
        if (_isSqlite)
            wolverine.PersistMessagesWithSqlite(_source);
        else
            wolverine.PersistMessagesWithPostgresql(
                (NpgsqlDataSource)_source,
                new NpgsqlConnectionStringBuilder(_source.ConnectionString).SearchPath!
            );
    }

    /// <summary>
    /// What the database says of its durability, on a connection as Wolverine gets it, such as <c>journal_mode wal,
    /// synchronous 2</c>.
    /// </summary>
    public async Task<string> ReadDurabilityAsync()
    {
        string[] settings = _isSqlite
            ? ["PRAGMA journal_mode", "PRAGMA synchronous"]
            : ["SHOW fsync", "SHOW synchronous_commit"];
        await using var connection = await _source.OpenConnectionAsync();
        var read = new List<string>();
        foreach (var setting in settings)
        {
            await using var command = connection.CreateCommand();
            command.CommandText = setting;
            read.Add($"{setting.Split(' ')[1]} {await command.ExecuteScalarAsync()}");
        }

        return string.Join(", ", read);
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();
}
