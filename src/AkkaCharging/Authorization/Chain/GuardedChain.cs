using Akka.Actor;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Chain;

/// <summary>Decides questions by the first link of a chain that knows the token, each partner behind its own
/// guard.</summary>
/// <remarks>
/// A link that does not know the token passes the question on; every other answer is final. A link that has no answer
/// ends the walk with <c>unknown</c>, unless <c>authorization.chainOnUnavailable = next</c>: then the rest may still
/// allow or deny, and only if none of it knows the token the decision is that <c>unknown</c>, because the link without
/// an answer might have known it. A link that has nobody to ask always passes the question on. All links share the
/// question's deadline.
/// </remarks>
internal sealed class GuardedChain
{
    private readonly AuthorizerChain _chain;
    private readonly Dictionary<Partner, GuardedAuthorizer> _guards;
    private readonly TimeSpan? _answerWithin;
    private readonly bool _goesOn;
    private readonly TimeProvider _time;

    /// <param name="onTransition">Told a partner's name and the new state of its breaker; must not throw.</param>
    /// <param name="onError">Told a partner's name, whose attempt failed, and its exception; must not throw.</param>
    public GuardedChain(
        AuthorizerChain chain,
        AuthorizationSettings settings,
        IScheduler scheduler,
        TimeProvider time,
        Action<string, BreakerState>? onTransition = null,
        Action<string, RequestId, Exception>? onError = null
    )
    {
        (_chain, _time, _answerWithin) = (chain, time, settings.AnswerWithin);
        _goesOn = settings.ChainOnUnavailable == ChainStep.Next;
        _guards = chain.Partners.ToDictionary(
            partner => partner,
            partner => new GuardedAuthorizer(
                partner.Authorizer,
                settings,
                scheduler,
                time,
                onTransition: state => onTransition?.Invoke(partner.Name, state),
                onError: (id, cause) => onError?.Invoke(partner.Name, id, cause),
                parallelism: partner.Parallelism
            )
        );
    }

    /// <summary>How each partner is.</summary>
    public IEnumerable<PartnerStatus> Partners =>
        _guards.Select(guard => new PartnerStatus(
            guard.Key.Name,
            guard.Value.State,
            guard.Value.InFlight,
            guard.Key.Misconfiguration
        ));

    /// <summary>What each partner answered since the start.</summary>
    public IEnumerable<PartnerAnswers> Answers =>
        _guards.SelectMany(guard =>
            guard.Value.Answers.Select(answer => new PartnerAnswers(guard.Key.Name, answer.Reason, answer.Count))
        );

    /// <summary>The worst of the breakers' states.</summary>
    public BreakerState State => _guards.Values.Select(guard => guard.State).DefaultIfEmpty().Max();

    /// <summary>Calls that wait for an answer.</summary>
    public int InFlight => _guards.Values.Sum(guard => guard.InFlight);

    /// <summary>The timestamp at which a request is decided without an answer.</summary>
    /// <param name="since">When it was accepted.</param>
    /// <param name="end">When it expires.</param>
    /// <returns><see cref="long.MaxValue"/> without <c>authorization.answerWithinMillis</c>.</returns>
    public long DeadlineOf(long since, long end) =>
        _answerWithin is { } within ? Math.Min(_time.After(since, within), end) : long.MaxValue;

    /// <summary>The question about a driver at a station.</summary>
    public AuthorizationQuery Ask(RequestId id, StationId station, DriverToken token) =>
        _chain.Form.Fill(id, station, token);

    /// <summary>Decides <paramref name="query"/>.</summary>
    /// <inheritdoc cref="GuardedAuthorizer.DecideAsync"/>
    public Task<Decision> DecideAsync(AuthorizationQuery query, long deadline, CancellationToken shutdown) =>
        _chain.Links.Count == 1
            ? AskAsync(_chain.Links[0], query, deadline, shutdown)
            : WalkAsync(query, deadline, shutdown);

    private async Task<Decision> WalkAsync(AuthorizationQuery query, long deadline, CancellationToken shutdown)
    {
        Decision? unanswered = null;
        Decision? unknownToken = null;
        Decision? unrouted = null;
        foreach (var link in _chain.Links)
        {
            var decision = await AskAsync(link, query, deadline, shutdown);
            switch (decision)
            {
                case { Reason: DecisionReason.NotInAcl }:
                    unknownToken = decision;
                    break;
                case { Reason: DecisionReason.NoRoute }:
                    unrouted = decision;
                    break;
                // At the deadline nobody else has time to answer either.
                case { Status: AuthorizationStatus.Unknown, Reason: not DecisionReason.Deadline } when _goesOn:
                    unanswered ??= decision;
                    break;
                default:
                    return decision;
            }
        }

        return unanswered ?? unknownToken ?? unrouted!; // a chain has links
    }

    private Task<Decision> AskAsync(
        IAuthorizerLink link,
        AuthorizationQuery query,
        long deadline,
        CancellationToken shutdown
    )
    {
        var route = link.Route(query);
        return route.Partner is { } partner
            ? _guards[partner].DecideAsync(query, deadline, shutdown)
            : Task.FromResult(new Decision(AuthorizationStatus.Unknown, route.Reason, _time.GetUtcNow()));
    }
}

/// <summary>How often a partner's part of a question ended with a reason.</summary>
internal readonly record struct PartnerAnswers(string Name, DecisionReason Reason, long Count);

/// <summary>How a partner is.</summary>
/// <param name="InFlight">Calls that wait for an answer.</param>
/// <param name="Misconfiguration">What an operator has to mend; null for nothing.</param>
internal readonly record struct PartnerStatus(
    string Name,
    BreakerState Breaker,
    int InFlight,
    string? Misconfiguration
);
