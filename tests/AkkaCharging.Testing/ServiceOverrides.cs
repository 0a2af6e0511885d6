using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Authorization.Questions;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Testing;

/// <summary>Replaces parts of a service that a test builds.</summary>
internal static class ServiceOverrides
{
    /// <summary>Has <paramref name="authorizer"/> asked instead of what the settings name.</summary>
    public static IServiceCollection AddAuthorizer(this IServiceCollection services, IAuthorizer authorizer) =>
        services.AddSingleton(provider =>
            AuthorizerChain.Of("acl", authorizer) with
            {
                Form = provider.GetRequiredService<QuestionForm>(),
            }
        );
}
