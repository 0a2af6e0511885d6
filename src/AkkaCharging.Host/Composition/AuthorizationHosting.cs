using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Acl;
using AkkaCharging.Authorization.Http;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Composition;

/// <summary>The authorizer that <c>authorization.provider</c> names.</summary>
internal static class AuthorizationHosting
{
    /// <summary>Registers the authorizer; a custom one is registered by the program that has it.</summary>
    public static void AddAuthorizer(this IServiceCollection services, AuthorizationSettings settings)
    {
        switch (settings.Provider)
        {
            case AuthorizationProvider.Acl:
                services.AddSingleton<IAuthorizer>(provider => CreateAcl(settings.Acl, provider));
                break;
            case AuthorizationProvider.Http:
                services.AddSingleton<IAuthorizer>(provider => new HttpAuthorizer(
                    settings.Http,
                    provider.GetRequiredService<TimeProvider>()
                ));
                break;
        }
    }

    /// <summary>Reads the access list.</summary>
    /// <exception cref="InvalidAclException">The access list is missing or broken.</exception>
    public static void Check(AuthorizationSettings settings)
    {
        if (settings.Provider == AuthorizationProvider.Acl)
            new AclAuthorizer(settings.Acl.File, TimeProvider.System).Dispose();
    }

    private static AclAuthorizer CreateAcl(AclSettings acl, IServiceProvider provider)
    {
        var logger = provider.GetRequiredService<ILogger<AclAuthorizer>>();
        return new AclAuthorizer(
            acl.File,
            provider.GetRequiredService<TimeProvider>(),
            reload =>
            {
                if (reload.Succeeded)
                    logger.LogInformation(
                        "Loaded {Rules} rules of the access list in {DurationMillis} ms",
                        reload.Status.RuleCount,
                        reload.Duration.TotalMilliseconds
                    );
                else
                    logger.LogError(
                        "The access list was not reloaded, the previous one stays in force: {Problems}",
                        reload.Problems
                    );
            }
        );
    }
}
