using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>A prepared statement that inserts a row, unless a row with its id exists.</summary>
internal sealed class PreparedInsert<T> : IDisposable
{
    private readonly (string Name, Func<T, SqliteValue> Value)[] _columns;
    private readonly PreparedWrite _insert;

    /// <param name="constant">A column with the same value in all rows.</param>
    /// <param name="columns">The other columns, each with a function that returns its value.</param>
    public PreparedInsert(
        SqliteConnection connection,
        string table,
        (string Name, SqliteValue Value) constant,
        params (string Name, Func<T, SqliteValue> Value)[] columns
    )
    {
        _columns = columns;
        string[] names = [.. columns.Select(column => column.Name), constant.Name];
        _insert = new(
            connection,
            $"""
            INSERT INTO {table} ({string.Join(", ", names)})
            VALUES ({string.Join(", ", names.Select((_, i) => $"${i}"))}) ON CONFLICT (id) DO NOTHING
            """
        );
        _insert.Bind(columns.Length, constant.Value); // stays bound from run to run
    }

    /// <summary>Inserts a row.</summary>
    /// <exception cref="SqliteException">The row was not inserted.</exception>
    public void Run(T row)
    {
        for (var i = 0; i < _columns.Length; i++)
            _insert.Bind(i, _columns[i].Value(row));
        _insert.Run();
    }

    public void Dispose() => _insert.Dispose();
}
