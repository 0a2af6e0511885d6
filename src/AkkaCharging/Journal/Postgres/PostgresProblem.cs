using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>
/// Says what is wrong with the database, without addresses, names and passwords: health shows it to anybody.
/// </summary>
internal static class PostgresProblem
{
    public static string Describe(Exception exception) =>
        exception switch
        {
            PostgresException answer => $"The database answered with error {answer.SqlState}.",
            TimeoutException or { InnerException: TimeoutException } => "The database did not answer in time.",
            _ => "The database cannot be reached.",
        };
}
