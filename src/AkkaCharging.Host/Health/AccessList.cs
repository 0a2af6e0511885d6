using AkkaCharging.Authorization.Acl;
using AkkaCharging.Authorization.Chain;

namespace AkkaCharging.Host.Health;

/// <summary>The access list of this process, if decisions come from one.</summary>
internal sealed class AccessList(AuthorizerChain chain)
{
    private readonly AclAuthorizer? _acl = chain
        .Partners.Select(partner => partner.Authorizer)
        .OfType<AclAuthorizer>()
        .FirstOrDefault();

    /// <summary>The status of the access list; null when no decision comes from one.</summary>
    public AclStatus? Status => _acl?.Status;
}
