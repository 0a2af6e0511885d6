using System.Data.Common;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Sql;

/// <summary>
/// A database that answers questions: opens sessions that cannot write, are in UTC and bound each statement's time.
/// </summary>
internal abstract class SqlDatabase : IDisposable
{
    /// <summary>The database that the settings name; connects to nothing yet.</summary>
    /// <exception cref="InvalidSettingsException">The connection string cannot be used.</exception>
    public static SqlDatabase Create(SqlAuthorizerSettings settings) =>
        settings.Kind switch
        {
            SqlKind.Postgres => new PostgresDatabase(settings),
            SqlKind.MySql => new MySqlDatabase(settings),
            _ => new SqliteDatabase(settings),
        };

    /// <summary>Opens a session, or takes an open one from the pool.</summary>
    public abstract Task<DbConnection> OpenAsync(CancellationToken cancellationToken);

    /// <summary>Adds a parameter with the value of a text, or null.</summary>
    public abstract void AddText(DbCommand command, string name, string? value);

    /// <summary>Adds a parameter with the value of a time.</summary>
    public abstract void AddTime(DbCommand command, string name, DateTimeOffset value);

    /// <summary>What <paramref name="cause"/> means, in words that quote nothing.</summary>
    public abstract SqlFailure Explain(DbException cause);

    /// <summary>Runs what asks a question; a driver that blocks does it elsewhere.</summary>
    public virtual Task<T> RunAsync<T>(Func<Task<T>> ask, CancellationToken cancellationToken) => ask();

    /// <summary>Has what runs on <paramref name="connection"/> end when the token is cancelled, where the driver does
    /// not do it itself.</summary>
    public virtual CancellationTokenRegistration InterruptOn(
        DbConnection connection,
        CancellationToken cancellationToken
    ) => default;

    /// <summary>Closes the connections that nobody uses, after one of them turned out to be broken.</summary>
    public virtual void Forget(DbConnection broken) { }

    /// <summary>Closes the connections.</summary>
    public abstract void Dispose();

    /// <summary>Whole seconds, at least one and no fewer than <paramref name="time"/>: what drivers take.</summary>
    protected static int Seconds(TimeSpan time) => (int)Math.Ceiling(time.TotalSeconds);

    /// <summary>Reads the connection string.</summary>
    /// <param name="expected">What a usable one looks like.</param>
    /// <exception cref="InvalidSettingsException"><paramref name="read"/> cannot use it. Without the cause, which may
    /// quote the string, and that holds a password.</exception>
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
