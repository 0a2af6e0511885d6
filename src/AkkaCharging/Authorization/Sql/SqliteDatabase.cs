using System.Data.Common;
using System.Globalization;
using AkkaCharging.Settings;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AkkaCharging.Authorization.Sql;

/// <summary>Queries a SQLite file, opened read-only for each question.</summary>
/// <remarks>
/// SQLite blocks its caller while it reads and while it waits for a lock, so each question runs on a thread of its own,
/// at most <c>maxConnections</c> at a time. Connections are not kept: one would still read the old file after the file
/// was replaced.
/// </remarks>
internal sealed class SqliteDatabase : SqlDatabase
{
    private readonly string _connectionString;
    private readonly int _busyMillis;
    private readonly SemaphoreSlim _threads;

    /// <exception cref="InvalidSettingsException">The connection string cannot be used.</exception>
    public SqliteDatabase(SqlAuthorizerSettings settings)
    {
        _busyMillis = (int)settings.Timeout.TotalMilliseconds;
        _threads = new(settings.MaxConnections);
        _connectionString = Read(() => ReadOnly(settings), "Microsoft.Data.Sqlite: Data Source=…");
    }

    public override Type? TypeOf(DbDataReader reader, int column) => null;

    public override async Task<DbConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = new SqliteConnection(_connectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            await using var command = connection.CreateCommand();
            command.CommandText = $"PRAGMA query_only = 1; PRAGMA busy_timeout = {_busyMillis}";
            await command.ExecuteNonQueryAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public override void AddText(DbCommand command, string name, string? value) =>
        command.Parameters.Add(
            new SqliteParameter($"@{name}", SqliteType.Text) { Value = value ?? (object)DBNull.Value }
        );

    /// <remarks>
    /// The time is a text in the format of SQLite's <c>datetime('now')</c>, so that both can be compared.
    /// </remarks>
    public override void AddTime(DbCommand command, string name, DateTimeOffset value) =>
        AddText(command, name, value.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture));

    public override SqlFailure Explain(DbException cause)
    {
        if (cause is not SqliteException { SqliteErrorCode: var code })
            return new(SqlFailureKind.Permanent, "could not be asked");
        return code switch
        {
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED or raw.SQLITE_INTERRUPT => new(
                SqlFailureKind.Timeout,
                $"was locked, or read for too long ({code})"
            ),
            raw.SQLITE_CANTOPEN or raw.SQLITE_IOERR => new(
                SqlFailureKind.Transient,
                $"could not be opened or read ({code})"
            ),
            raw.SQLITE_NOTADB => new(SqlFailureKind.Misconfigured, $"is not a SQLite file ({code})"),
            raw.SQLITE_READONLY => new(
                SqlFailureKind.Misconfigured,
                "rejected the query, because it writes " + $"({code})"
            ),
            raw.SQLITE_TOOBIG or raw.SQLITE_MISMATCH => Refused(code),
            raw.SQLITE_ERROR when IsOfValue(cause.Message) => Refused(code),
            raw.SQLITE_ERROR => new(SqlFailureKind.Misconfigured, $"{Mistake(cause.Message)} ({code})"),
            _ => new(SqlFailureKind.Permanent, $"failed with the error {code}"),
        };
    }

    public override async Task<T> RunAsync<T>(Func<Task<T>> ask, CancellationToken cancellationToken)
    {
        await _threads.WaitAsync(cancellationToken);
        return await Task
            .Factory.StartNew(
                async () =>
                {
                    try
                    {
                        return await ask(); // completes on this thread, because nothing in it is asynchronous
                    }
                    finally
                    {
                        _threads.Release();
                    }
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default
            )
            .Unwrap();
    }

    public override CancellationTokenRegistration InterruptOn(
        DbConnection connection,
        CancellationToken cancellationToken
    ) => cancellationToken.Register(() => raw.sqlite3_interrupt(((SqliteConnection)connection).Handle));

    public override void Dispose() { } // a waiting question must not meet a disposed semaphore

    /// <summary>Checks for an error that a value of the question causes, not the query by itself.</summary>
    private static bool IsOfValue(string text) =>
        text.Contains("malformed JSON", StringComparison.Ordinal)
        || text.Contains("integer overflow", StringComparison.Ordinal)
        || text.Contains("pattern too complex", StringComparison.Ordinal);

    /// <summary>
    /// Describes a mistake in the query. All mistakes share one error code, so the text tells them apart; it is not
    /// quoted.
    /// </summary>
    private static string Mistake(string text) =>
        text.Contains("no such table", StringComparison.Ordinal) ? "lacks a table that the query names"
        : text.Contains("no such column", StringComparison.Ordinal) ? "lacks a column that the query names"
        : "found a syntax error in the query";

    private static string ReadOnly(SqlAuthorizerSettings settings)
    {
        var builder = new SqliteConnectionStringBuilder(settings.ConnectionString)
        {
            Mode = SqliteOpenMode.ReadOnly,
            Cache = SqliteCacheMode.Private,
            Pooling = false,
            DefaultTimeout = Seconds(settings.Timeout),
        };
        return builder.DataSource.Length > 0
            ? builder.ConnectionString
            : throw new ArgumentException("No file.", nameof(settings));
    }
}
