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
    private readonly WatchedFiles<string>[] _credentials;

    /// <summary>Reads the credentials tokens and starts watching their files.</summary>
    /// <param name="onReload">Called after each reload with the partner's name and the reason why its token is older
    /// than its file, or null when it is current; must not throw or block.</param>
    /// <exception cref="InvalidSettingsException">Some credentials tokens cannot be read, all of which are
    /// listed.</exception>
    public OcpiPartners(OcpiSettings settings, TimeProvider time, Action<string, string?>? onReload = null)
    {
        var hosts = new ConfiguredHosts();
        _credentials = WatchAll(settings.Partners, time, onReload);
        _router = new OcpiRouter(settings.Partners);
        _authorizers =
        [
            .. settings.Partners.Select(
                (partner, i) =>
                    new OcpiPartnerAuthorizer(
                        settings,
                        partner,
                        () => _credentials[i].Current,
                        () => _credentials[i].Problem,
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

    /// <summary>The latest poll of the credentials files, for tests to await.</summary>
    internal Task Polling => Task.WhenAll(_credentials.Select(file => file.Polling));

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
        foreach (var file in _credentials)
            file.Dispose();
        foreach (var authorizer in _authorizers)
            authorizer.Dispose();
    }

    private static WatchedFiles<string>[] WatchAll(
        IReadOnlyList<OcpiPartnerSettings> partners,
        TimeProvider time,
        Action<string, string?>? onReload
    )
    {
        var files = new List<WatchedFiles<string>>();
        var problems = new List<string>();
        Exception? cause = null;
        foreach (var partner in partners)
        {
            try
            {
                files.Add(Watch(partner, time, onReload));
            }
            catch (InvalidSettingsException e)
            {
                problems.AddRange(e.Problems);
                cause ??= e.InnerException;
                if (e.InnerException is TimeoutException) // the other files lie on the same disk more often than not
                    break;
            }
        }

        if (problems.Count == 0)
            return [.. files];
        foreach (var file in files)
            file.Dispose();
        throw new InvalidSettingsException(problems, cause);
    }

    // Each partner by itself: a file that is broken must not keep the others from a new token.
    private static WatchedFiles<string> Watch(
        OcpiPartnerSettings partner,
        TimeProvider time,
        Action<string, string?>? onReload
    )
    {
        return new(
            [partner.TokenFile],
            time,
            Read,
            (_, problem) => Unusable(problem),
            (_, problem) => onReload?.Invoke(partner.Name, problem)
        );

        string Read()
        {
            var problem = SecretFile.TryReadToken(partner.TokenFile, out var token, out var cause);
            return problem is null ? token : throw Unusable(problem, cause);
        }

        InvalidSettingsException Unusable(string problem, Exception? cause = null) =>
            new([$"authorization.ocpi.partners: the tokenFile of '{partner.Name}' cannot be used: {problem}"], cause);
    }
}
