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

    /// <summary>Runs a query, and describes the problem when the database fails.</summary>
    /// <exception cref="JournalUnavailableException">The database failed.</exception>
    public static async Task<T> ReadAsync<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (NpgsqlException e)
        {
            throw new JournalUnavailableException(Describe(e), e);
        }
    }
}
