using System.Net.Sockets;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>
/// Describes a problem of the database without addresses, names and passwords, because health shows it to everyone.
/// </summary>
internal static class PostgresProblem
{
    public static string Describe(Exception e) =>
        e switch
        {
            PostgresException answer => $"The database answered with error {answer.SqlState}.",
            TimeoutException or { InnerException: TimeoutException } => "The database did not answer in time.",
            _ => "The database cannot be reached.",
        };

    /// <summary>
    /// Whether an exception means that the database failed. Npgsql does not wrap that no socket can be opened.
    /// </summary>
    public static bool IsOne(Exception e) => e is NpgsqlException or SocketException or IOException or TimeoutException;

    /// <summary>Runs a query, and describes the problem when the database fails.</summary>
    /// <exception cref="JournalUnavailableException">The database failed.</exception>
    public static async Task<T> ReadAsync<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (Exception e) when (IsOne(e))
        {
            throw new JournalUnavailableException(Describe(e), e);
        }
    }
}
