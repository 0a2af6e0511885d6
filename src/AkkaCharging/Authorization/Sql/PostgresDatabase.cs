using System.Data.Common;
using System.Security.Authentication;
using AkkaCharging.Connections;
using AkkaCharging.Settings;
using Npgsql;
using NpgsqlTypes;

namespace AkkaCharging.Authorization.Sql;

/// <summary>Queries PostgreSQL over read-only sessions.</summary>
internal sealed class PostgresDatabase : SqlDatabase
{
    private const string Expected = "Npgsql: Host=…;Username=…;Password=…;Database=…";

    private readonly NpgsqlDataSource _sessions;

    /// <exception cref="InvalidSettingsException">The connection string cannot be used.</exception>
    public PostgresDatabase(SqlAuthorizerSettings settings) => _sessions = Read(() => CreateSource(settings), Expected);

    public override async Task<DbConnection> OpenAsync(CancellationToken cancellationToken) =>
        await _sessions.OpenConnectionAsync(cancellationToken);

    public override void AddText(DbCommand command, string name, string? value) =>
        Add(command, name, NpgsqlDbType.Text, value);

    public override void AddTime(DbCommand command, string name, DateTimeOffset value) =>
        Add(command, name, NpgsqlDbType.TimestampTz, value.UtcDateTime);

    public override SqlFailure Explain(DbException cause) =>
        cause switch
        {
            PostgresException answer => Explain(answer),
            { InnerException: TimeoutException } => new(SqlFailureKind.Timeout, "did not answer in time"),
            { InnerException: AuthenticationException } => new(
                SqlFailureKind.Misconfigured,
                "was rejected: its TLS or its certificate does not meet the connection string's requirements"
            ),
            { IsTransient: true } or { InnerException: IOException or System.Net.Sockets.SocketException } => new(
                SqlFailureKind.Transient,
                "could not be reached, or broke the connection"
            ),
            _ => new(SqlFailureKind.Permanent, "could not be asked: the driver rejected the connection or the query"),
        };

    public override void Dispose() => _sessions.Dispose();

    private static SqlFailure Explain(PostgresException cause)
    {
        var code = cause.SqlState;
        return code switch
        {
            PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.LockNotAvailable => new(
                SqlFailureKind.Timeout,
                $"cancelled the query after a time-out ({code})"
            ),
            PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure => new(
                SqlFailureKind.Transient,
                $"cancelled the query in favour of another transaction ({code})"
            ),
            PostgresErrorCodes.TooManyConnections
            or PostgresErrorCodes.AdminShutdown
            or PostgresErrorCodes.CrashShutdown
            or PostgresErrorCodes.CannotConnectNow => new(
                SqlFailureKind.Transient,
                $"accepts no connections at present ({code})"
            ),
            PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification => Broken(
                "rejected the user or the password of authorization.sql.connectionString"
            ),
            PostgresErrorCodes.InvalidCatalogName => Broken(
                "has no database with the name in authorization.sql.connectionString"
            ),
            PostgresErrorCodes.SyntaxError => Broken(
                $"found a syntax error at character {cause.Position} of the query"
            ),
            PostgresErrorCodes.UndefinedTable => Broken("lacks a table that the query names"),
            PostgresErrorCodes.UndefinedColumn => Broken("lacks a column that the query names"),
            PostgresErrorCodes.InsufficientPrivilege => Broken("does not permit the user to read what the query reads"),
            PostgresErrorCodes.UndefinedFunction or PostgresErrorCodes.DatatypeMismatch => Broken(
                "compares values of different types in the query; cast the parameter, as in @station::uuid"
            ),
            PostgresErrorCodes.ReadOnlySqlTransaction => Broken("rejected the query, because it writes"),
            _ when code.StartsWith("08", StringComparison.Ordinal) => new(
                SqlFailureKind.Transient,
                $"broke the connection ({code})"
            ),
            PostgresErrorCodes.CardinalityViolation => Refused(code),
            _ when IsDataException(code) => Refused(code),
            _ => new(SqlFailureKind.Permanent, $"failed with the SQLSTATE {code}"),
        };

        SqlFailure Broken(string what) => new(SqlFailureKind.Misconfigured, $"{what} ({code})");
    }

    private static void Add(DbCommand command, string name, NpgsqlDbType type, object? value) =>
        command.Parameters.Add(new NpgsqlParameter(name, type) { Value = value ?? DBNull.Value });

    private static NpgsqlDataSource CreateSource(SqlAuthorizerSettings settings)
    {
        var millis = (int)settings.Timeout.TotalMilliseconds;
        var builder = new NpgsqlConnectionStringBuilder(settings.ConnectionString);
        if (string.IsNullOrWhiteSpace(builder.Host) || builder.CheckCertificateRevocation)
            throw new ArgumentException(
                "The host is missing, or certificate revocation checks are requested.",
                nameof(settings)
            );
        // Options of the connection's start, so that they hold in every session. Of duplicates the last one applies.
        builder.Options =
            $"{builder.Options} -c default_transaction_read_only=on -c statement_timeout={millis} "
            + $"-c lock_timeout={millis}";
        builder.Timezone = "UTC";
        builder.Timeout = Seconds(settings.Timeout);
        builder.CommandTimeout = Seconds(settings.Timeout);
        builder.CancellationTimeout = -1; // a question that timed out ends its connection at once
        builder.ApplicationName ??= "AkkaCharging";
        builder.Pooling = true;
        builder.MinPoolSize = 0;
        builder.MaxPoolSize = settings.MaxConnections;
        builder.Enlist = false;
        builder.Multiplexing = false;
        builder.NoResetOnClose = true; // a session runs one query: a reset would cost seven statements
        builder.IncludeErrorDetail = false; // a detail quotes the row
        builder.LogParameters = false;
        builder.PersistSecurityInfo = false;
        if (builder.GssEncryptionMode == GssEncryptionMode.Prefer)
            // The default would look for a Kerberos library for each connection, and report a missing one on standard
            // error.
            builder.GssEncryptionMode = GssEncryptionMode.Disable;
        return new NpgsqlDataSourceBuilder(builder.ConnectionString) { Name = "authorization.sql" }
            .UseSslClientAuthenticationOptionsCallback(PeerCertificates.Judge)
            .Build();
    }
}
