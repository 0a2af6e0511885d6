using AkkaCharging.Settings;
using MySqlConnector;
using Npgsql;

namespace AkkaCharging.Authorization.Sql;

/// <summary>Checks whether third parties on the network can read the questions to a database, or answer them.</summary>
internal static class SqlTransport
{
    /// <summary>Checks whether the database is on another machine and not authenticated by a certificate.</summary>
    /// <returns>False for an invalid connection string, which prevents the start anyway.</returns>
    public static bool IsExposed(SqlAuthorizerSettings settings)
    {
        try
        {
            return settings.Kind switch
            {
                SqlKind.Postgres => IsExposed(new NpgsqlConnectionStringBuilder(settings.ConnectionString)),
                SqlKind.MySql => IsExposed(new MySqlConnectionStringBuilder(settings.ConnectionString)),
                _ => false,
            };
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException)
        {
            return false;
        }
    }

    private static bool IsExposed(NpgsqlConnectionStringBuilder session) =>
        session.SslMode is not (SslMode.VerifyCA or SslMode.VerifyFull) && AnyRemote(session.Host);

    private static bool IsExposed(MySqlConnectionStringBuilder session) =>
        session.SslMode is not (MySqlSslMode.VerifyCA or MySqlSslMode.VerifyFull)
        && session.ConnectionProtocol == MySqlConnectionProtocol.Sockets
        && AnyRemote(session.Server);

    // The text may list several hosts, each with a port; a path names a socket.
    private static bool AnyRemote(string? hosts) =>
        (hosts ?? "")
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Any(host => host[0] is not ('/' or '@') && !SettingsRules.IsLoopback(WithoutPort(host)));

    private static string WithoutPort(string host) =>
        host.StartsWith('[') ? host[1..Math.Max(1, host.IndexOf(']', StringComparison.Ordinal))]
        : host.Split(':') is [var name, _] ? name
        : host;
}
