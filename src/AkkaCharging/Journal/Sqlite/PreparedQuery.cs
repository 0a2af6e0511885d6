using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>A prepared statement of a connection, with the parameters <c>$0</c>, <c>$1</c> and so on.</summary>
internal sealed class PreparedQuery : IDisposable
{
    private readonly SqliteCommand _command;

    public PreparedQuery(SqliteConnection connection, string sql)
    {
        _command = connection.CreateCommand();
        _command.CommandText = sql;
        for (var i = 0; sql.Contains($"${i}", StringComparison.Ordinal); i++)
            _command.Parameters.Add(new SqliteParameter { ParameterName = $"${i}" });
    }

    /// <summary>Executes the statement.</summary>
    /// <returns>The number of changed rows.</returns>
    public int Run(params ReadOnlySpan<object?> values)
    {
        Bind(values);
        return _command.ExecuteNonQuery();
    }

    /// <summary>Returns the first row, converted by <paramref name="read"/>; default when there is none.</summary>
    public T? First<T>(Func<SqliteDataReader, T> read, params ReadOnlySpan<object?> values)
    {
        Bind(values);
        using var rows = _command.ExecuteReader();
        return rows.Read() ? read(rows) : default;
    }

    /// <summary>Returns all rows, converted by <paramref name="read"/>.</summary>
    public List<T> All<T>(Func<SqliteDataReader, T> read, params ReadOnlySpan<object?> values)
    {
        Bind(values);
        using var rows = _command.ExecuteReader();
        var all = new List<T>();
        while (rows.Read())
            all.Add(read(rows));
        return all;
    }

    public void Dispose() => _command.Dispose();

    private void Bind(ReadOnlySpan<object?> values)
    {
        for (var i = 0; i < values.Length; i++)
            _command.Parameters[i].Value = values[i] ?? DBNull.Value;
    }
}
