using AkkaCharging.Requests;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Host.Tests;

/// <summary>Rows of a journal in SQLite, changed as by hand while the service runs.</summary>
internal static class SqliteRows
{
    /// <summary>Sets columns of a request.</summary>
    public static void Damage(string journal, RequestId id, string columns)
    {
        using var connection = new SqliteConnection($"Data Source={journal};Pooling=False");
        connection.Open();
        using var update = connection.CreateCommand();
        update.CommandText = $"UPDATE request SET {columns} WHERE id = unhex('{id.Value:N}')";
        Assert.Equal(1, update.ExecuteNonQuery());
    }
}
