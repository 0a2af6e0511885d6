using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Acl;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Authorization.Http;
using AkkaCharging.Authorization.Ocpi;
using AkkaCharging.Authorization.Questions;
using AkkaCharging.Authorization.Sql;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Composition;

/// <summary>Registers the authorizers that <c>authorization.provider</c> and <c>authorization.chain</c> name.</summary>
internal static class AuthorizationHosting
{
    /// <summary>Registers the authorizers and their chain; the hosting program registers a custom one itself.</summary>
    public static void AddAuthorizers(this IServiceCollection services, AuthorizationSettings settings)
    {
        // Registered as services, so that they are disposed with the others.
        services.AddSingleton(provider => CreateAcl(settings, provider));
        services.AddSingleton(provider => new HttpAuthorizer(
            settings.Http,
            provider.GetRequiredService<TimeProvider>()
        ));
        services.AddSingleton(provider => new SqlAuthorizer(settings.Sql, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => CreatePartners(settings.Ocpi, provider));
        services.AddSingleton(provider => new QuestionForm(
            new TokenReader(settings.TypedTokens, settings.Normalize),
            settings.StationsFile.Length == 0 ? null : CreateStationMap(settings.StationsFile, provider)
        ));
        services.AddSingleton(provider => new AuthorizerChain([
            .. settings.Asked.Select(asked => CreateLink(asked, provider)),
        ])
        {
            Form = provider.GetRequiredService<QuestionForm>(),
        });
    }

    /// <summary>
    /// Reads the access list, the stations and the credentials for partners, and runs the query of the SQL authorizer
    /// for a token that no driver has.
    /// </summary>
    /// <param name="tokens">The rules for callers' tokens.</param>
    /// <exception cref="InvalidAclException">The access list is missing or broken.</exception>
    /// <exception cref="InvalidSettingsException">The query file, the database or the credentials cannot be
    /// used.</exception>
    public static void Check(AuthorizationSettings settings, DriverTokenRules tokens)
    {
        if (settings.Uses(AuthorizationProvider.Acl))
            new AclAuthorizer(
                settings.Acl.File,
                TimeProvider.System,
                form: AclTokenForm.Of(tokens, settings)
            ).Dispose();
        if (settings.StationsFile.Length > 0)
            new StationMap(settings.StationsFile, TimeProvider.System).Dispose();
        if (settings.Uses(AuthorizationProvider.Sql))
            CheckAsync(settings.Sql).GetAwaiter().GetResult(); // blocking, for the command line
        if (settings.Uses(AuthorizationProvider.Ocpi))
            new OcpiPartners(settings.Ocpi, TimeProvider.System).Dispose();
    }

    private static async Task CheckAsync(SqlAuthorizerSettings settings)
    {
        using var authorizer = new SqlAuthorizer(settings, TimeProvider.System);
        await authorizer.CheckAsync(CancellationToken.None);
    }

    /// <summary>Checks credentials and URLs with the partners, without a question about a driver.</summary>
    /// <exception cref="InvalidSettingsException">Lists what an operator has to correct.</exception>
    public static async Task CheckPartnersAsync(AuthorizationSettings settings, CancellationToken cancellationToken)
    {
        if (!settings.Uses(AuthorizationProvider.Ocpi))
            return;
        using var partners = new OcpiPartners(settings.Ocpi, TimeProvider.System);
        var problems = await partners.CheckAsync(cancellationToken);
        if (problems.Count > 0)
            throw new InvalidSettingsException(problems);
    }

    private static IAuthorizerLink CreateLink(AuthorizationProvider asked, IServiceProvider provider) =>
        asked switch
        {
            AuthorizationProvider.Acl => new SinglePartner(
                new Partner("acl", provider.GetRequiredService<AclAuthorizer>())
            ),
            AuthorizationProvider.Http => new SinglePartner(
                new Partner("http", provider.GetRequiredService<HttpAuthorizer>())
            ),
            AuthorizationProvider.Custom => new SinglePartner(
                new Partner("custom", provider.GetRequiredService<IAuthorizer>())
            ),
            AuthorizationProvider.Sql => new SinglePartner(
                new Partner("sql", provider.GetRequiredService<SqlAuthorizer>())
            ),
            AuthorizationProvider.Ocpi => provider.GetRequiredService<OcpiPartners>(),
            _ => throw new ArgumentOutOfRangeException(nameof(asked), asked, "Not an authorizer by itself."),
        };

    private static AclAuthorizer CreateAcl(AuthorizationSettings settings, IServiceProvider provider)
    {
        var logger = provider.GetRequiredService<ILogger<AclAuthorizer>>();
        return new AclAuthorizer(
            settings.Acl.File,
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
            },
            AclTokenForm.Of(provider.GetRequiredService<DriverTokenRules>(), settings)
        );
    }

    private static OcpiPartners CreatePartners(OcpiSettings settings, IServiceProvider provider)
    {
        var logger = provider.GetRequiredService<ILogger<OcpiPartners>>();
        return new OcpiPartners(
            settings,
            provider.GetRequiredService<TimeProvider>(),
            (partner, problem) =>
            {
                if (problem is null)
                    logger.LogInformation("Loaded the credentials token of the OCPI partner {Partner}", partner);
                else
                    logger.LogError(
                        "The credentials token of the OCPI partner {Partner} was not reloaded, the previous one stays "
                            + "in force: {Problem}",
                        partner,
                        problem
                    );
            }
        );
    }

    private static StationMap CreateStationMap(string file, IServiceProvider provider)
    {
        var logger = provider.GetRequiredService<ILogger<StationMap>>();
        return new StationMap(
            file,
            provider.GetRequiredService<TimeProvider>(),
            status =>
            {
                if (status.Problem is { } problem)
                    logger.LogError(
                        "The stations were not reloaded, the previous ones stay in force: {Problem}",
                        problem
                    );
                else
                    logger.LogInformation("Loaded {Stations} stations", status.Stations);
            }
        );
    }
}
