using System.Collections.Concurrent;
using AkkaCharging.Authorization;

namespace AkkaCharging.Testing;

/// <summary>
/// An authorizer whose behaviour a test changes while it runs. Without a script it allows everything.
/// </summary>
internal sealed class ScriptedAuthorizer : IAuthorizer
{
    private readonly ConcurrentQueue<Behaviour> _next = new();
    private readonly ConcurrentQueue<AuthorizationQuery> _queries = new();
    private volatile Behaviour _always = static (_, _) => ValueTask.FromResult(AuthorizerAnswer.AllowedByList);
    private int _cancelled;

    /// <summary>What one call does.</summary>
    public delegate ValueTask<AuthorizerAnswer> Behaviour(
        AuthorizationQuery query,
        CancellationToken cancellationToken
    );

    /// <summary>Calls so far.</summary>
    public int Calls => _queries.Count;

    /// <summary>Calls whose token was cancelled.</summary>
    public int Cancelled => Volatile.Read(ref _cancelled);

    /// <summary>What was asked, in order.</summary>
    public IReadOnlyCollection<AuthorizationQuery> Queries => _queries;

    /// <summary>Every call from now on, unless one was scripted by <see cref="Next"/>.</summary>
    public ScriptedAuthorizer Always(Behaviour behaviour)
    {
        _always = behaviour;
        return this;
    }

    /// <summary>One call; several make a queue.</summary>
    public ScriptedAuthorizer Next(Behaviour behaviour)
    {
        _next.Enqueue(behaviour);
        return this;
    }

    /// <summary>Answers at once, without waiting.</summary>
    public ScriptedAuthorizer AnswersAlways(AuthorizerAnswer answer) => Always((_, _) => ValueTask.FromResult(answer));

    /// <summary>Answers from a pool thread.</summary>
    public ScriptedAuthorizer AnswersLaterAlways(AuthorizerAnswer answer) =>
        Always(
            async (_, _) =>
            {
                await Task.Yield();
                return answer;
            }
        );

    /// <summary>Throws, by default an error that no retry helps; from a pool thread.</summary>
    public ScriptedAuthorizer FailsAlways(Exception? error = null) => Always(Failure(error));

    /// <summary>Throws once.</summary>
    public ScriptedAuthorizer FailsNext(Exception? error = null) => Next(Failure(error));

    /// <summary>Waits until cancelled.</summary>
    public ScriptedAuthorizer HangsAlways() =>
        Always(
            async (_, cancellationToken) =>
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
                return default;
            }
        );

    /// <summary>An error that a retry may help.</summary>
    public static AuthorizerUnavailableException Transient() => new("scripted, transient", isTransient: true);

    /// <inheritdoc/>
    public ValueTask<AuthorizerAnswer> AuthorizeAsync(AuthorizationQuery query, CancellationToken cancellationToken)
    {
        _queries.Enqueue(query);
        cancellationToken.Register(() => Interlocked.Increment(ref _cancelled));
        return (_next.TryDequeue(out var next) ? next : _always)(query, cancellationToken);
    }

    private static Behaviour Failure(Exception? error) =>
        async (_, _) =>
        {
            await Task.Yield();
            throw error ?? new AuthorizerUnavailableException("scripted", isTransient: false);
        };
}
