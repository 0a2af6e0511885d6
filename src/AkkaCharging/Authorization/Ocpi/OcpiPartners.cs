using AkkaCharging.Authorization.Chain;
using AkkaCharging.Connections;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Ocpi;

/// <summary>The partners of <c>authorization.ocpi.partners</c>, as one link of the chain.</summary>
internal sealed class OcpiPartners : IAuthorizerLink, IDisposable
{
    private readonly OcpiRouter _router;
    private readonly Dictionary<string, Partner> _byName;
    private readonly OcpiPartnerAuthorizer[] _authorizers;
    private readonly WatchedFiles<IReadOnlyList<string>> _credentials;

    /// <summary>Reads the credentials tokens and starts watching their files.</summary>
    /// <param name="onReload">Called after each reload with the reason why the tokens are older than the files, or null
    /// when they are current; must not throw or block.</param>
    /// <exception cref="InvalidSettingsException">A credentials token cannot be read.</exception>
    public OcpiPartners(OcpiSettings settings, TimeProvider time, Action<string?>? onReload = null)
    {
        var hosts = new ConfiguredHosts();
        _credentials = new(
            settings.Partners.Select(partner => partner.TokenFile).Distinct(StringComparer.Ordinal),
            time,
            () => ReadCredentials(settings),
            (file, problem) =>
                new([
                    $"authorization.ocpi.partners: the tokenFile '{ShownValue.OfFile(file)}' cannot be used: {problem}",
                ]),
            (_, problem) => onReload?.Invoke(problem)
        );
        _router = new OcpiRouter(settings.Partners);
        _authorizers =
        [
            .. settings.Partners.Select(
                (partner, i) =>
                    new OcpiPartnerAuthorizer(
                        settings,
                        partner,
                        () => _credentials.Current[i],
                        () => _credentials.Problem,
                        time,
                        hosts
                    )
            ),
        ];
        Partners =
        [
            .. settings.Partners.Zip(
                _authorizers,
                (partner, authorizer) => new Partner(partner.Name, authorizer, partner.Parallelism)
            ),
        ];
        _byName = Partners.ToDictionary(partner => partner.Name, StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Partner> Partners { get; }

    /// <summary>Reads the credentials token of each partner.</summary>
    /// <exception cref="InvalidSettingsException">Some files cannot be used, all of which are listed.</exception>
    public static IReadOnlyList<string> ReadCredentials(OcpiSettings settings)
    {
        var problems = new List<string>();
        var tokens = new List<string>();
        Exception? cause = null;
        foreach (var partner in settings.Partners)
        {
            var problem = SecretFile.TryReadToken(partner.TokenFile, out var token, out var unread);
            cause ??= unread;
            if (problem is not null)
                problems.Add(
                    $"authorization.ocpi.partners: the tokenFile of '{partner.Name}' cannot be used: {problem}"
                );
            tokens.Add(token);
        }

        return problems.Count == 0 ? tokens : throw new InvalidSettingsException(problems, cause);
    }

    /// <summary>The latest poll of the credentials files, for tests to await.</summary>
    internal Task Polling => _credentials.Polling;

    /// <inheritdoc/>
    public PartnerRoute Route(AuthorizationQuery query)
    {
        var route = _router.Route(query);
        return route.Partner is { } partner ? new PartnerRoute(_byName[partner.Name]) : PartnerRoute.None(route.Reason);
    }

    /// <summary>Checks the credentials and the URL with every partner, concurrently.</summary>
    /// <returns>What has to be corrected.</returns>
    public async Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellationToken) =>
        [
            .. (
                await Task.WhenAll(_authorizers.Select(authorizer => authorizer.CheckAsync(cancellationToken)))
            ).OfType<string>(),
        ];

    /// <summary>Closes the connections and stops watching the files.</summary>
    public void Dispose()
    {
        _credentials.Dispose();
        foreach (var authorizer in _authorizers)
            authorizer.Dispose();
    }
}
