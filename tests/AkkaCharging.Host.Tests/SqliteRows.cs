using AkkaCharging.Requests;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Host.Tests;

/// <summary>Rows of a journal in SQLite, changed as by hand while the service runs.</summary>
internal static class SqliteRows
{
    /// <summary>Sets columns of a request.</summary>
    public static void Damage(string journal, RequestId id, string columns) =>
        Assert.Equal(1, Run(journal, $"UPDATE request SET {columns} WHERE id = unhex('{id.Value:N}')"));

    /// <summary>Turns the tables back into those of version 3.</summary>
    public static void MakeOlder(string journal) =>
        Run(
            journal,
            "ALTER TABLE request DROP COLUMN exact_reason; ALTER TABLE request DROP COLUMN details; "
                + "PRAGMA user_version = 3"
        );

    private static int Run(string journal, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={journal};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteNonQuery();
    }
}
