using AkkaCharging.Settings;

namespace AkkaCharging.Host.Connections;

/// <summary>Shares of the open files that the process may have, sockets included.</summary>
/// <remarks>
/// The .NET runtime aborts the process when it cannot open a pipe or a poll descriptor of its own: so the shares never
/// add up to more than the limit.
/// </remarks>
/// <param name="Limit">Files that the process may have open; null where that is not known, and nothing is cut
/// then.</param>
/// <param name="Callers">Connections on the public listener.</param>
/// <param name="Operators">Connections on the operators' listener.</param>
/// <param name="Callbacks">Callback attempts under way.</param>
/// <param name="Rest">The journal, the authorizer, the other nodes, and the runtime with what it opens for a
/// moment.</param>
internal sealed record FileBudget(int? Limit, int Callers, int Operators, int Callbacks, int Rest)
{
    /// <summary>
    /// Connections of callers when <c>server.maxConnections</c> is 0 and the file limit leaves room for more.
    /// </summary>
    public const int CallersByDefault = 10_000;

    // Measured: 289 before the first connection, most of them the assemblies. The rest is for those that are loaded
    // later, and for what is open for a moment.
    private const int Runtime = 448;
    private const int Journal = 32;
    private const int Cluster = 64;

    /// <summary>
    /// Below this a listener or the callbacks would have hardly a connection: the service does not start.
    /// </summary>
    private const int ShareMin = 16;

    /// <summary>
    /// Divides <paramref name="limit"/>: what the service itself needs first, and the rest between callers and
    /// callbacks.
    /// </summary>
    /// <exception cref="InvalidSettingsException">The limit leaves nothing to divide.</exception>
    public static FileBudget Of(int? limit, ChargingSettings settings)
    {
        var callers = settings.Server.MaxConnections > 0 ? settings.Server.MaxConnections : CallersByDefault;
        var callbacks = settings.Callback.MaxInFlight;
        var operators = settings.Management.MaxConnections;
        var rest =
            Runtime
            + Journal
            + (settings.Cluster.Enabled ? Cluster : 0)
            + (settings.Authorization.Uses(AuthorizationProvider.Http) ? settings.Authorization.Parallelism : 0)
            + (settings.Authorization.Uses(AuthorizationProvider.Sql) ? settings.Authorization.Sql.MaxConnections : 0)
            + (
                settings.Authorization.Uses(AuthorizationProvider.Ocpi)
                    ? settings.Authorization.Ocpi.Partners.Sum(partner => partner.Parallelism)
                    : 0
            );
        if (limit is not { } files)
            return new(limit, callers, operators, callbacks, rest);

        var left = files - rest - operators;
        if (left < 2 * ShareMin)
        {
            throw new InvalidSettingsException([
                $"The process may open {files} files, of which it needs {rest} itself "
                    + $"and management.maxConnections = {operators}; "
                    + $"expected a limit (ulimit -n) of at least {rest + operators + (2 * ShareMin)}.",
            ]);
        }

        // Each may have half, and what the other leaves of its own.
        var forCallbacks = Math.Min(callbacks, Math.Max(left / 2, left - callers));
        return new(limit, Math.Min(callers, left - forCallbacks), operators, forCallbacks, rest);
    }

    /// <summary>
    /// What <paramref name="settings"/> ask for and the file limit does not leave; empty when all of it fits.
    /// </summary>
    public IEnumerable<string> Cuts(ChargingSettings settings)
    {
        if (settings.Server.MaxConnections > Callers)
            yield return Cut("server.maxConnections", settings.Server.MaxConnections, Callers);
        if (settings.Callback.MaxInFlight > Callbacks)
            yield return Cut("callback.maxInFlight", settings.Callback.MaxInFlight, Callbacks);

        string Cut(string key, int asked, int left) =>
            $"{key} = {asked} is cut to {left}: the process may open {Limit} files (ulimit -n).";
    }

    /// <summary><paramref name="settings"/> with no more callbacks under way than have files.</summary>
    public ChargingSettings Confine(ChargingSettings settings) =>
        settings with
        {
            Callback = settings.Callback with
            {
                MaxInFlight = Callbacks,
                MaxInFlightPerDestination = Math.Min(settings.Callback.MaxInFlightPerDestination, Callbacks),
            },
        };
}
