using System.Data.Common;
using System.Globalization;
using AkkaCharging.Settings;
using MySqlConnector;

namespace AkkaCharging.Authorization.Sql;

/// <summary>Queries MySQL or MariaDB over read-only sessions.</summary>
/// <remarks>
/// Certificates are validated as the connection string asks. The driver accepts no chain policy, so the host's
/// <c>Runtime.props</c> prevents its chains from downloading certificates.
/// </remarks>
internal sealed class MySqlDatabase : SqlDatabase
{
    private const string Expected = "MySqlConnector: Server=…;User ID=…;Password=…;Database=…";

    private readonly MySqlDataSource _sessions;

    /// <exception cref="InvalidSettingsException">The connection string cannot be used.</exception>
    public MySqlDatabase(SqlAuthorizerSettings settings) => _sessions = Read(() => CreateSource(settings), Expected);

    public override async Task<DbConnection> OpenAsync(CancellationToken cancellationToken) =>
        await _sessions.OpenConnectionAsync(cancellationToken);

    public override void AddText(DbCommand command, string name, string? value) =>
        command.Parameters.Add(new MySqlParameter(name, MySqlDbType.VarChar) { Value = value ?? (object)DBNull.Value });

    public override void AddTime(DbCommand command, string name, DateTimeOffset value) =>
        command.Parameters.Add(new MySqlParameter(name, MySqlDbType.DateTime) { Value = value.UtcDateTime });

    /// <remarks>A literal null has no type, and in a derived table the type <c>binary(0)</c>.</remarks>
    public override Type? TypeOf(DbDataReader reader, int column)
    {
        var type = reader.GetFieldType(column);
        var isNull =
            type == typeof(object)
            || (type == typeof(byte[]) && ((MySqlDataReader)reader).GetColumnSchema()[column].ColumnSize == 0);
        return isNull ? null : type;
    }

    public override SqlFailure Explain(DbException cause)
    {
        if (cause is not MySqlException { ErrorCode: var error, SqlState: var state })
            return new(SqlFailureKind.Permanent, "could not be asked: the driver rejected the query");
        var code = ((int)error).ToString(CultureInfo.InvariantCulture);
        return error switch
        {
            MySqlErrorCode.QueryTimeout
            or MySqlErrorCode.QueryInterrupted
            or MySqlErrorCode.LockWaitTimeout
            or MySqlErrorCode.CommandTimeoutExpired
            or StatementTimeoutOfMariaDb => new(
                SqlFailureKind.Timeout,
                "cancelled the query after a time-out " + $"({code})"
            ),
            MySqlErrorCode.LockDeadlock => new(
                SqlFailureKind.Transient,
                $"cancelled the query in favour of another transaction ({code})"
            ),
            MySqlErrorCode.AccessDenied => Broken(
                "rejected the user or the password of authorization.sql.connectionString"
            ),
            MySqlErrorCode.UnknownDatabase or MySqlErrorCode.DatabaseAccessDenied => Broken(
                "has no database with the name in authorization.sql.connectionString that the user may read"
            ),
            MySqlErrorCode.ParseError => Broken("found a syntax error in the query"),
            MySqlErrorCode.NoSuchTable => Broken("lacks a table that the query names"),
            MySqlErrorCode.BadFieldError => Broken("lacks a column that the query names"),
            MySqlErrorCode.TableAccessDenied or MySqlErrorCode.ColumnAccessDenied => Broken(
                "does not permit the user to read what the query reads"
            ),
            MySqlErrorCode.CannotExecuteInReadOnlyTransaction => Broken("rejected the query, because it writes"),
            // Caused by a value too, but with another SQLSTATE.
            MySqlErrorCode.SubQueryNoOneRow
            or MySqlErrorCode.WrongValueForType
            or MySqlErrorCode.TruncatedWrongValueForField
            or MySqlErrorCode.InvalidCharacterString
            or MySqlErrorCode.RegExpError => Refused(code),
            _ when IsDataException(state) => Refused(code),
            _ when cause.IsTransient
                    || cause.InnerException is IOException or System.Net.Sockets.SocketException
                    || error is MySqlErrorCode.UnableToConnectToHost or MySqlErrorCode.ServerShutdown => new(
                SqlFailureKind.Transient,
                $"could not be reached, or broke the connection ({code})"
            ),
            _ => new(SqlFailureKind.Permanent, $"failed with the error {code}"),
        };

        SqlFailure Broken(string what) => new(SqlFailureKind.Misconfigured, $"{what} ({code})");
    }

    public override void Forget(DbConnection broken) => _ = MySqlConnection.ClearPoolAsync((MySqlConnection)broken);

    public override void Dispose() => _sessions.Dispose();

    private const MySqlErrorCode StatementTimeoutOfMariaDb = (MySqlErrorCode)1969;

    private static MySqlDataSource CreateSource(SqlAuthorizerSettings settings)
    {
        var builder = new MySqlConnectionStringBuilder(settings.ConnectionString);
        if (string.IsNullOrWhiteSpace(builder.Server))
            throw new ArgumentException("No server.", nameof(settings));
        builder.ConnectionTimeout = (uint)Seconds(settings.Timeout);
        builder.DefaultCommandTimeout = (uint)Seconds(settings.Timeout);
        builder.CancellationTimeout = -1; // a question that timed out ends its connection at once
        builder.Pooling = true;
        builder.MinimumPoolSize = 0;
        builder.MaximumPoolSize = (uint)settings.MaxConnections;
        builder.ConnectionReset = false; // it would undo what Begin sets, and cost three round trips a question
        builder.IgnorePrepare = false; // parameters are sent apart from the text
        builder.AllowLoadLocalInfile = false;
        builder.AllowUserVariables = false;
        builder.AutoEnlist = false;
        builder.DateTimeKind = MySqlDateTimeKind.Utc;
        builder.GuidFormat = MySqlGuidFormat.None;
        builder.PersistSecurityInfo = false;
        var session = Begin(settings.Timeout);
        return new MySqlDataSourceBuilder(builder.ConnectionString)
            .UseName("authorization.sql")
            .UseConnectionOpenedCallback(session)
            .Build();
    }

    /// <summary>Sets up a new session: read-only, in UTC, with limits for each statement and its locks.</summary>
    private static MySqlConnectionOpenedCallback Begin(TimeSpan timeout)
    {
        var lockSeconds = Seconds(timeout);
        var forMariaDb = string.Create(
            CultureInfo.InvariantCulture,
            $"max_statement_time = {timeout.TotalSeconds:0.000}"
        );
        var forMySql = string.Create(
            CultureInfo.InvariantCulture,
            $"max_execution_time = {(long)timeout.TotalMilliseconds}"
        );
        return async (opened, cancellationToken) =>
        {
            if (opened.Conditions == MySqlConnectionOpenedConditions.None)
                return;
            var isMariaDb = opened.Connection.ServerVersion.Contains("MariaDB", StringComparison.OrdinalIgnoreCase);
            await using var command = opened.Connection.CreateCommand();
            command.CommandText =
                "SET SESSION TRANSACTION READ ONLY; SET SESSION time_zone = '+00:00', "
                + $"lock_wait_timeout = {lockSeconds}, innodb_lock_wait_timeout = {lockSeconds}, "
                + (isMariaDb ? forMariaDb : forMySql);
            await command.ExecuteNonQueryAsync(cancellationToken);
        };
    }
}
