using System.Data.Common;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Sql;

/// <summary>
/// A database that answers questions over sessions that are read-only, in UTC and limit the time of each statement.
/// </summary>
internal abstract class SqlDatabase : IDisposable
{
    /// <summary>Creates the database that the settings name, without connecting to it.</summary>
    /// <exception cref="InvalidSettingsException">The connection string cannot be used.</exception>
    public static SqlDatabase Create(SqlAuthorizerSettings settings) =>
        settings.Kind switch
        {
            SqlKind.Postgres => new PostgresDatabase(settings),
            SqlKind.MySql => new MySqlDatabase(settings),
            _ => new SqliteDatabase(settings),
        };

    /// <summary>Returns the type of all values of a column; null when each value has a type of its own.</summary>
    public virtual Type? TypeOf(DbDataReader reader, int column) => reader.GetFieldType(column);

    /// <summary>Opens a session, or takes an open one from the pool.</summary>
    public abstract Task<DbConnection> OpenAsync(CancellationToken cancellationToken);

    /// <summary>Adds a text, or null, as a parameter.</summary>
    public abstract void AddText(DbCommand command, string name, string? value);

    /// <summary>Adds a time as a parameter.</summary>
    public abstract void AddTime(DbCommand command, string name, DateTimeOffset value);

    /// <summary>Describes <paramref name="cause"/> in words that quote nothing from the database.</summary>
    public abstract SqlFailure Explain(DbException cause);

    /// <summary>Runs <paramref name="ask"/>; a driver that blocks runs it on another thread.</summary>
    public virtual Task<T> RunAsync<T>(Func<Task<T>> ask, CancellationToken cancellationToken) => ask();

    /// <summary>
    /// Interrupts the query on <paramref name="connection"/> when the token is cancelled, where the driver does not do
    /// so itself.
    /// </summary>
    public virtual CancellationTokenRegistration InterruptOn(
        DbConnection connection,
        CancellationToken cancellationToken
    ) => default;

    /// <summary>Closes the idle connections after one connection turned out to be broken.</summary>
    public virtual void Forget(DbConnection broken) { }

    /// <summary>Closes the connections.</summary>
    public abstract void Dispose();

    /// <summary>Creates a failure of the kind <see cref="SqlFailureKind.Refused"/>.</summary>
    protected static SqlFailure Refused(object code) =>
        new(SqlFailureKind.Refused, $"cannot process a value of the question ({code})");

    /// <summary>Checks for an SQLSTATE that a value causes: a data exception, such as an invalid UUID.</summary>
    protected static bool IsDataException(string? sqlState) => sqlState is ['2', '2', ..];

    /// <summary>Converts a time to whole seconds, which drivers require: rounded up, and at least one.</summary>
    protected static int Seconds(TimeSpan time) => (int)Math.Ceiling(time.TotalSeconds);

    /// <summary>Reads the connection string.</summary>
    /// <param name="expected">Describes a usable connection string.</param>
    /// <exception cref="InvalidSettingsException"><paramref name="read"/> cannot use the connection string. The cause
    /// is omitted, because it may quote the string and its password.</exception>
    protected static T Read<T>(Func<T> read, string expected)
    {
        try
        {
            return read();
        }
        catch (Exception e)
            when (e
                    is ArgumentException
                        or FormatException
                        or OverflowException
                        or InvalidOperationException
                        or NotSupportedException
            )
        {
            throw new InvalidSettingsException([
                $"authorization.sql.connectionString cannot be used; expected one of {expected}.",
            ]);
        }
    }
}
