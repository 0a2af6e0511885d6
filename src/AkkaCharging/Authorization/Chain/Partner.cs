using AkkaCharging.Authorization.Questions;
using AkkaCharging.Requests;

namespace AkkaCharging.Authorization.Chain;

/// <summary>A back end that answers questions. Each has a guard of its own: breaker and parallelism.</summary>
/// <param name="Name">From the settings, so that it can be a label of metrics.</param>
/// <param name="Parallelism">Questions at a time; null for <c>authorization.parallelism</c>.</param>
internal sealed record Partner(string Name, IAuthorizer Authorizer, int? Parallelism = null)
{
    /// <summary>What an operator has to mend before the partner can answer; null for nothing.</summary>
    public string? Misconfiguration => (Authorizer as IReportsMisconfiguration)?.Misconfiguration;
}

/// <summary>An authorizer that learns from answers whether it is set up as its back end expects.</summary>
internal interface IReportsMisconfiguration
{
    /// <summary>What an operator has to mend, without secrets; null for nothing. A proper answer clears it.</summary>
    string? Misconfiguration { get; }
}

/// <summary>A link of the chain: puts a question to one of its partners, or to none.</summary>
internal interface IAuthorizerLink
{
    /// <summary>All partners of this link.</summary>
    IReadOnlyList<Partner> Partners { get; }

    /// <summary>Finds who is to be asked; must not wait.</summary>
    PartnerRoute Route(AuthorizationQuery query);
}

/// <summary>Who is to be asked, or why nobody is.</summary>
/// <param name="Partner">Null when nobody is asked.</param>
/// <param name="Reason">Why nobody is asked: <see cref="DecisionReason.NoRoute"/> or
/// <see cref="DecisionReason.NoLocation"/>.</param>
internal readonly record struct PartnerRoute(Partner? Partner, DecisionReason Reason = DecisionReason.NoRoute)
{
    /// <summary>Nobody is asked because of <paramref name="reason"/>.</summary>
    public static PartnerRoute None(DecisionReason reason) => new(Partner: null, reason);
}

/// <summary>A link with one partner, which is asked everything.</summary>
internal sealed class SinglePartner(Partner partner) : IAuthorizerLink
{
    /// <inheritdoc/>
    public IReadOnlyList<Partner> Partners { get; } = [partner];

    /// <inheritdoc/>
    public PartnerRoute Route(AuthorizationQuery query) => new(partner);
}

/// <summary>The links that are asked in turn, until one knows the token.</summary>
internal sealed record AuthorizerChain(IReadOnlyList<IAuthorizerLink> Links)
{
    /// <summary>How questions to them are put.</summary>
    public QuestionForm Form { get; init; } = QuestionForm.Plain;

    /// <summary>The partners of all links.</summary>
    public IEnumerable<Partner> Partners => Links.SelectMany(link => link.Partners);

    /// <summary>A chain of one authorizer.</summary>
    public static AuthorizerChain Of(string name, IAuthorizer authorizer) =>
        new([new SinglePartner(new Partner(name, authorizer))]);
}
