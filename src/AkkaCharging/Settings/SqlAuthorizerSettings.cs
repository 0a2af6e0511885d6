using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>The database of the SQL authorizer: <c>authorization.sql.kind</c>.</summary>
internal enum SqlKind
{
    /// <summary>PostgreSQL.</summary>
    Postgres,

    /// <summary>MySQL or MariaDB.</summary>
    MySql,

    /// <summary>A file of SQLite.</summary>
    Sqlite,
}

/// <summary>Block <c>authorization.sql</c>.</summary>
/// <param name="QueryFile">File with the query; empty unless it was set.</param>
/// <param name="Timeout">For one question, the wait for a connection included.</param>
/// <param name="MaxConnections">Connections of this process to the database.</param>
internal sealed record SqlAuthorizerSettings(
    SqlKind Kind,
    string ConnectionString,
    string QueryFile,
    TimeSpan Timeout,
    int MaxConnections
)
{
    internal static SqlAuthorizerSettings Read(HoconSection hocon) =>
        new(
            Kind: hocon.Choice<SqlKind>("kind"),
            ConnectionString: hocon.One("connectionString", SettingKind.Secret),
            QueryFile: hocon.Text("queryFile"),
            Timeout: hocon.Duration("timeoutMillis", min: 1, max: 3_600_000),
            MaxConnections: hocon.Count("maxConnections", min: 1, max: 1_000)
        );
}
