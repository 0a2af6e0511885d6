using AkkaCharging.Authorization;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Composition;

/// <summary>The services that the hosting program registers by <see cref="ChargingApp.RunAsync"/>.</summary>
internal sealed class OwnServices
{
    private readonly Action<IServiceCollection>? _configure;
    private readonly ServiceDescriptor? _authorizer;

    /// <param name="configure">Registers the services; null for none.</param>
    public OwnServices(Action<IServiceCollection>? configure)
    {
        _configure = configure;
        var registered = new ServiceCollection();
        configure?.Invoke(registered);
        _authorizer = registered.LastOrDefault(service => service.ServiceType == typeof(IAuthorizer));
    }

    /// <summary>The class name of the program's own authorizer, for people; null when it registers none.</summary>
    public string? AuthorizerName =>
        _authorizer is null
            ? null
            : (_authorizer.ImplementationType ?? _authorizer.ImplementationInstance?.GetType())?.Name
                ?? "registered by a factory";

    /// <summary>Adds the program's services last, so that they replace the service's own.</summary>
    public void AddTo(IServiceCollection services) => _configure?.Invoke(services);

    /// <summary>
    /// Checks that <paramref name="settings"/> use the program's authorizer if and only if there is one.
    /// </summary>
    /// <exception cref="InvalidSettingsException">The settings use a missing authorizer, or do not use the registered
    /// one.</exception>
    public void Check(AuthorizationSettings settings)
    {
        var isCustom = settings.Uses(AuthorizationProvider.Custom);
        if (isCustom && _authorizer is null)
        {
            throw new InvalidSettingsException([
                "authorization.provider = custom needs a program that registers an IAuthorizer with "
                    + "ChargingApp.RunAsync, and this program registers none; expected another provider, or a "
                    + "program that does (docs/authorizers.md).",
            ]);
        }

        if (!isCustom && _authorizer is not null)
        {
            throw new InvalidSettingsException([
                $"authorization.provider = {settings.Provider.ToString().ToLowerInvariant()} does not use this "
                    + $"program's IAuthorizer ({AuthorizerName}); "
                    + "expected custom.",
            ]);
        }
    }
}
