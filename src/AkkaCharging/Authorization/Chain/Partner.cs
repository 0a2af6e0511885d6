using AkkaCharging.Authorization.Questions;
using AkkaCharging.Requests;

namespace AkkaCharging.Authorization.Chain;

/// <summary>A back end that answers questions. Each partner has its own guard, with breaker and parallelism.</summary>
/// <param name="Name">The configured name. It is a metric label, whose number of values is bounded by the
/// settings.</param>
/// <param name="Parallelism">Maximum number of concurrent questions; null for <c>authorization.parallelism</c>.</param>
internal sealed record Partner(string Name, IAuthorizer Authorizer, int? Parallelism = null)
{
    /// <summary>What an operator has to correct before the partner can answer; null for nothing.</summary>
    public string? Misconfiguration => (Authorizer as IReportsMisconfiguration)?.Misconfiguration;
}

/// <summary>An authorizer that detects from answers that it is misconfigured.</summary>
internal interface IReportsMisconfiguration
{
    /// <summary>
    /// What an operator has to correct, without secrets; null for nothing. A proper answer clears it.
    /// </summary>
    string? Misconfiguration { get; }
}

/// <summary>A link of the chain, which passes a question to one of its partners or to none.</summary>
internal interface IAuthorizerLink
{
    /// <summary>The partners of this link.</summary>
    IReadOnlyList<Partner> Partners { get; }

    /// <summary>Selects the partner to ask; must not block.</summary>
    PartnerRoute Route(AuthorizationQuery query);
}

/// <summary>The partner to ask, or why none is asked.</summary>
/// <param name="Partner">The partner to ask; null when none is asked.</param>
/// <param name="Reason">Why none is asked: <see cref="DecisionReason.NoRoute"/>,
/// <see cref="DecisionReason.NoLocation"/>, or <see cref="DecisionReason.NotInAcl"/> for a token that no partner can
/// have issued.</param>
internal readonly record struct PartnerRoute(Partner? Partner, DecisionReason Reason = DecisionReason.NoRoute)
{
    /// <summary>Creates a route to no partner because of <paramref name="reason"/>.</summary>
    public static PartnerRoute None(DecisionReason reason) => new(Partner: null, reason);
}

/// <summary>A link whose single partner is asked every question.</summary>
internal sealed class SinglePartner(Partner partner) : IAuthorizerLink
{
    /// <inheritdoc/>
    public IReadOnlyList<Partner> Partners { get; } = [partner];

    /// <inheritdoc/>
    public PartnerRoute Route(AuthorizationQuery query) => new(partner);
}

/// <summary>The links of a chain, asked in turn until one knows the token.</summary>
internal sealed record AuthorizerChain(IReadOnlyList<IAuthorizerLink> Links)
{
    /// <summary>The form of the questions to the partners.</summary>
    public QuestionForm Form { get; init; } = QuestionForm.Plain;

    /// <summary>The partners of all links.</summary>
    public IEnumerable<Partner> Partners => Links.SelectMany(link => link.Partners);

    /// <summary>Creates a chain of one authorizer.</summary>
    public static AuthorizerChain Of(string name, IAuthorizer authorizer) =>
        new([new SinglePartner(new Partner(name, authorizer))]);
}
