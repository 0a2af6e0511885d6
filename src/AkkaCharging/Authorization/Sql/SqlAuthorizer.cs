using System.Data.Common;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Sql;

/// <summary>Asks the operator's own database with the operator's own query.</summary>
/// <remarks>
/// Connections are opened on demand, so that an unavailable database does not prevent the service from starting.
/// Errors: no connection, a broken one and a deadlock are transient; a question that takes longer than
/// <c>authorization.sql.timeoutMillis</c> is a time-out; wrong credentials, missing grants and a query that fails are a
/// misconfiguration; an error that a value of the question causes is no fault of the database. No message contains the
/// token, the connection string or text of the database beyond its error code. A cancelled call throws
/// <see cref="OperationCanceledException"/>.
/// </remarks>
internal sealed class SqlAuthorizer : IAuthorizer, IReportsMisconfiguration, IDisposable
{
    private readonly SqlQuery _query;
    private readonly SqlDatabase _database;
    private readonly string _name;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;

    /// <exception cref="InvalidSettingsException">The query file is missing or contains no usable query, or the
    /// connection string cannot be used.</exception>
    public SqlAuthorizer(SqlAuthorizerSettings settings, TimeProvider time)
    {
        _query = SqlQuery.Read(settings.QueryFile, settings.Kind);
        _database = SqlDatabase.Create(settings);
        _name = $"the {NameOf(settings.Kind)} database of authorization.sql";
        (_timeout, _time) = (settings.Timeout, time);
    }

    /// <inheritdoc/>
    public string? Misconfiguration { get; private set; }

    /// <inheritdoc/>
    public async ValueTask<AuthorizerAnswer> AuthorizeAsync(
        AuthorizationQuery query,
        CancellationToken cancellationToken
    )
    {
        using var timeout = new CancellationTokenSource(_timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            // A driver may notice the end of the time-out late.
            var answer = await _database
                .RunAsync(() => AskAsync(query, either.Token), either.Token)
                .WaitAsync(either.Token);
            Misconfiguration = null;
            return answer;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw Late($"did not answer within {_timeout.TotalMilliseconds} ms");
        }
        catch (SqlFailureException e) when (!cancellationToken.IsCancellationRequested)
        {
            return e.Failure.Kind switch
            {
                SqlFailureKind.Timeout => throw Late(e.Failure.What),
                SqlFailureKind.Misconfigured => Mend(e.Failure.What),
                SqlFailureKind.Refused => AuthorizerAnswer.Refused($"{_name} {e.Failure.What}"),
                var kind => AuthorizerAnswer.NoAnswer(
                    $"{_name} {e.Failure.What}",
                    isTransient: kind == SqlFailureKind.Transient
                ),
            };
        }
        catch (SqlFailureException)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    /// <summary>Runs the query for a token that no driver has and checks the columns of the result.</summary>
    /// <exception cref="InvalidSettingsException">The database gave no answer.</exception>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        var unknown = new AuthorizationQuery(
            new RequestId(Guid.Empty),
            StationId.TryCreate("00000000-0000-4000-8000-000000000000")!,
            DriverToken.TryCreate("akkacharging-check-config")!
        );
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(_timeout + CheckPatience);
        string? problem = null;
        try
        {
            await _database.RunAsync(() => AskAsync(unknown, timeout.Token), timeout.Token).WaitAsync(timeout.Token);
        }
        catch (SqlFailureException e)
        {
            problem = e.Failure.What;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            problem = "did not answer";
        }

        if (problem is not null)
            throw new InvalidSettingsException([$"authorization.sql: {_name} {problem}."]);
    }

    /// <summary>Closes the connections.</summary>
    public void Dispose() => _database.Dispose();

    private static string NameOf(SqlKind kind) =>
        kind switch
        {
            SqlKind.Postgres => "PostgreSQL",
            SqlKind.MySql => "MySQL",
            _ => "SQLite",
        };

    /// <summary>
    /// Time-out of the check. It is long because the first connection also loads the database's types.
    /// </summary>
    private static readonly TimeSpan CheckPatience = TimeSpan.FromSeconds(5);

    /// <exception cref="SqlFailureException">The database gave no answer.</exception>
    private async Task<AuthorizerAnswer> AskAsync(AuthorizationQuery query, CancellationToken cancellationToken)
    {
        DbConnection? connection = null;
        try
        {
            connection = await _database.OpenAsync(cancellationToken);
            await using var command = connection.CreateCommand();
            command.CommandText = _query.Text;
            foreach (var name in _query.Parameters)
                Add(command, name, query);
            await using var interruption = _database.InterruptOn(connection, cancellationToken);
            await command.PrepareAsync(cancellationToken);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            return await SqlAnswer.ReadAsync(reader, _database.TypeOf, cancellationToken);
        }
        catch (DbException e)
        {
            var failure = _database.Explain(e);
            if (failure.Kind == SqlFailureKind.Transient && connection is not null)
                _database.Forget(connection);
            throw new SqlFailureException(failure);
        }
#pragma warning disable CA1031 // Other exceptions of a driver may quote the query's values: only the type is passed on.
        catch (Exception e) when (e is not (SqlFailureException or OperationCanceledException))
#pragma warning restore CA1031
        {
            throw new SqlFailureException(new(SqlFailureKind.Permanent, $"could not be asked ({e.GetType().Name})"));
        }
        finally
        {
            if (connection is not null)
                await connection.DisposeAsync();
        }
    }

    private AuthorizerUnavailableException Late(string what) =>
        new($"{_name} {what}", isTransient: false) { IsTimeout = true };

    private AuthorizerAnswer Mend(string what)
    {
        Misconfiguration = what;
        return AuthorizerAnswer.Misconfigured($"{_name} {what}");
    }

    private void Add(DbCommand command, string name, AuthorizationQuery query)
    {
        switch (name)
        {
            case SqlQuery.Now:
                _database.AddTime(command, name, _time.GetUtcNow());
                break;
            case SqlQuery.Token:
                _database.AddText(command, name, query.Identity.Uid);
                break;
            case SqlQuery.Type:
                _database.AddText(command, name, query.Identity.Type);
                break;
            case SqlQuery.Station:
                _database.AddText(command, name, $"{query.Station.Value:D}");
                break;
            case SqlQuery.ExternalId:
                _database.AddText(command, name, query.Mapping?.ExternalId);
                break;
        }
    }
}
