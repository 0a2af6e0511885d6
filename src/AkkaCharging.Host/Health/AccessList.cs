using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Acl;

namespace AkkaCharging.Host.Health;

/// <summary>The access list of this process, if decisions come from one.</summary>
internal sealed class AccessList(IAuthorizer authorizer)
{
    private readonly AclAuthorizer? _acl = authorizer as AclAuthorizer;

    /// <summary>State of the access list; null when decisions come from another authorizer.</summary>
    public AclStatus? Status => _acl?.Status;
}
