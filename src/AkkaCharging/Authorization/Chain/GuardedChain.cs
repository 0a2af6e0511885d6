using Akka.Actor;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Timing;

namespace AkkaCharging.Authorization.Chain;

/// <summary>
/// Decides questions by the first link of a chain that knows the token. Each partner has its own guard.
/// </summary>
/// <remarks>
/// A link that does not know the token passes the question on; every other answer is final. When a link gives no
/// answer, the decision is <c>unknown</c>, unless <c>authorization.chainOnUnavailable = next</c>: then the remaining
/// links may still allow or deny, and the decision stays <c>unknown</c> if none of them knows the token, because the
/// unavailable link might have known it. A link without a partner for the question always passes it on. All links share
/// the question's deadline.
/// </remarks>
internal sealed class GuardedChain
{
    private readonly AuthorizerChain _chain;
    private readonly Dictionary<Partner, GuardedAuthorizer> _guards;
    private readonly TimeSpan? _answerWithin;
    private readonly bool _goesOn;
    private readonly TimeProvider _time;

    /// <param name="onTransition">Notified of a partner's name and its breaker's new state; must not throw.</param>
    /// <param name="onError">Notified of a failed attempt with the partner's name and the exception; must not
    /// throw.</param>
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

    /// <summary>The status of each partner.</summary>
    public IEnumerable<PartnerStatus> Partners =>
        _guards.Select(guard => new PartnerStatus(
            guard.Key.Name,
            guard.Value.State,
            guard.Value.InFlight,
            guard.Key.Misconfiguration
        ));

    /// <summary>The number of each partner's answers since the start, by reason.</summary>
    public IEnumerable<PartnerAnswers> Answers =>
        _guards.SelectMany(guard =>
            guard.Value.Answers.Select(answer => new PartnerAnswers(guard.Key.Name, answer.Reason, answer.Count))
        );

    /// <summary>The worst state of all breakers.</summary>
    public BreakerState State => _guards.Values.Select(guard => guard.State).DefaultIfEmpty().Max();

    /// <summary>Number of calls in progress.</summary>
    public int InFlight => _guards.Values.Sum(guard => guard.InFlight);

    /// <summary>Returns the timestamp at which a request is decided without an answer.</summary>
    /// <param name="since">When the request was accepted.</param>
    /// <param name="end">When the request expires.</param>
    /// <returns><see cref="long.MaxValue"/> without <c>authorization.answerWithinMillis</c>.</returns>
    public long DeadlineOf(long since, long end) =>
        _answerWithin is { } within ? Math.Min(_time.After(since, within), end) : long.MaxValue;

    /// <summary>Creates the question about a driver at a station.</summary>
    public AuthorizationQuery Ask(RequestId id, StationId station, DriverToken token) =>
        _chain.Form.Fill(id, station, token);

    /// <summary>
    /// Decides <paramref name="query"/>; as <see cref="DecisionReason.Deadline"/> if nobody was asked by
    /// <paramref name="startBy"/>.
    /// </summary>
    /// <exception cref="OperationCanceledException"><paramref name="shutdown"/> was cancelled.</exception>
    public async Task<Decision> DecideAsync(
        AuthorizationQuery query,
        long deadline,
        long startBy,
        CancellationToken shutdown,
        CallStart? start = null
    ) =>
        await DecideUnlessExpiredAsync(query, deadline, startBy, shutdown, start)
        ?? new Decision(AuthorizationStatus.Unknown, DecisionReason.Deadline, _time.GetUtcNow());

    /// <summary>Decides <paramref name="query"/>, unless its request expires first.</summary>
    /// <inheritdoc cref="GuardedAuthorizer.DecideAsync"/>
    public Task<Decision?> DecideUnlessExpiredAsync(
        AuthorizationQuery query,
        long deadline,
        long startBy,
        CancellationToken shutdown,
        CallStart? start = null
    ) =>
        _chain.Links.Count == 1
            ? AskAsync(_chain.Links[0], query, deadline, startBy, start, shutdown)
            : WalkAsync(query, deadline, startBy, start, shutdown);

    private async Task<Decision?> WalkAsync(
        AuthorizationQuery query,
        long deadline,
        long startBy,
        CallStart? start,
        CancellationToken shutdown
    )
    {
        Decision? unanswered = null;
        Decision? unknownToken = null;
        Decision? unrouted = null;
        foreach (var link in _chain.Links)
        {
            var decision = await AskAsync(link, query, deadline, startBy, start, shutdown);
            switch (decision)
            {
                case { Reason: DecisionReason.NotInAcl }:
                    unknownToken = decision;
                    break;
                case { Reason: DecisionReason.NoRoute }:
                    unrouted = decision;
                    break;
                // At the deadline no other link has time to answer either.
                case { Status: AuthorizationStatus.Unknown, Reason: not DecisionReason.Deadline } when _goesOn:
                    unanswered ??= decision;
                    break;
                default: // or the request has expired
                    return decision;
            }
        }

        return unanswered ?? unknownToken ?? unrouted!; // a chain has links
    }

    private Task<Decision?> AskAsync(
        IAuthorizerLink link,
        AuthorizationQuery query,
        long deadline,
        long startBy,
        CallStart? start,
        CancellationToken shutdown
    )
    {
        var route = link.Route(query);
        return route.Partner is { } partner
            ? _guards[partner].DecideAsync(query, deadline, startBy, shutdown, start)
            : Task.FromResult<Decision?>(new Decision(StatusOf(route.Reason), route.Reason, _time.GetUtcNow()));
    }

    private static AuthorizationStatus StatusOf(DecisionReason unasked) =>
        unasked == DecisionReason.NotInAcl ? AuthorizationStatus.NotAllowed : AuthorizationStatus.Unknown;
}

/// <summary>How often questions to a partner ended with a certain reason.</summary>
internal readonly record struct PartnerAnswers(string Name, DecisionReason Reason, long Count);

/// <summary>The status of a partner.</summary>
/// <param name="InFlight">Number of calls in progress.</param>
/// <param name="Misconfiguration">What an operator has to correct; null for nothing.</param>
internal readonly record struct PartnerStatus(
    string Name,
    BreakerState Breaker,
    int InFlight,
    string? Misconfiguration
);
