using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>The kind of the SQL authorizer's database: <c>authorization.sql.kind</c>.</summary>
internal enum SqlKind
{
    /// <summary>A PostgreSQL database.</summary>
    Postgres,

    /// <summary>A MySQL or MariaDB database.</summary>
    MySql,

    /// <summary>A SQLite file.</summary>
    Sqlite,
}

/// <summary>Block <c>authorization.sql</c>.</summary>
/// <param name="QueryFile">Path of the file with the query; empty unless it was set.</param>
/// <param name="Timeout">Time-out of one question, including the wait for a connection.</param>
/// <param name="MaxConnections">Maximum number of connections from this process to the database.</param>
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
