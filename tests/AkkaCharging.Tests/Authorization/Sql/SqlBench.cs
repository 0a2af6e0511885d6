using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Sql;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Authorization.Sql;

/// <summary>SQL authorizers over query files of the test, and what they answer.</summary>
internal sealed class SqlBench : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("akkacharging-sql-").FullName;
    private readonly List<SqlAuthorizer> _authorizers = [];

    /// <summary>A path in a folder that goes with the test.</summary>
    public string PathOf(string name) => Path.Combine(_folder, name);

    public SqlAuthorizerSettings Settings(
        SqlKind kind,
        string connectionString,
        string query,
        int timeoutMillis = 60_000
    )
    {
        var file = PathOf($"{Guid.NewGuid():N}.sql");
        File.WriteAllText(file, query);
        return new(kind, connectionString, file, TimeSpan.FromMilliseconds(timeoutMillis), MaxConnections: 4);
    }

    public SqlAuthorizer Create(SqlAuthorizerSettings settings)
    {
        var authorizer = new SqlAuthorizer(settings, TimeProvider.System);
        _authorizers.Add(authorizer);
        return authorizer;
    }

    public static AuthorizationQuery Question(string uid, string? type = null, string? externalId = null) =>
        Queries.Some() with
        {
            Identity = new TokenIdentity(uid, type),
            Mapping = externalId is null ? null : new StationMapping(null, [], externalId),
        };

    /// <summary>The reason of the decision, and for no answer why there is none.</summary>
    public static async Task<string> AskAsync(SqlAuthorizer authorizer, AuthorizationQuery question)
    {
        try
        {
            var answer = await authorizer.AuthorizeAsync(question, default);
            return answer.Failure is { } failure ? Text(failure) : answer.Reason.Name();
        }
        catch (AuthorizerUnavailableException e)
        {
            return Text(e);
        }

        string Text(AuthorizerUnavailableException failure)
        {
            var kind = failure switch
            {
                { IsTimeout: true } => "timeout",
                { IsTransient: true } => "transient",
                { IsFault: true } => "error",
                _ => authorizer.Misconfiguration is null ? "refused" : "misconfigured",
            };
            return $"{kind}: {failure.Message}";
        }
    }

    public static Task<string> AskAsync(SqlAuthorizer authorizer, string uid) => AskAsync(authorizer, Question(uid));

    public void Dispose()
    {
        _authorizers.ForEach(authorizer => authorizer.Dispose());
        Directory.Delete(_folder, recursive: true);
    }
}
