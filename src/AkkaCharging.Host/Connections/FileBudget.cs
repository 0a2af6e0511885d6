using AkkaCharging.Settings;

namespace AkkaCharging.Host.Connections;

/// <summary>Divides the open files that the process may have, sockets included.</summary>
/// <remarks>
/// The .NET runtime aborts the process when it cannot open a pipe or a poll descriptor for itself, so the shares never
/// add up to more than the limit.
/// </remarks>
/// <param name="Limit">Maximum number of open files; null where it is unknown, and nothing is reduced then.</param>
/// <param name="Callers">Maximum number of connections on the public listener.</param>
/// <param name="Operators">Maximum number of connections on the operators' listener.</param>
/// <param name="Callbacks">Maximum number of callback attempts in flight, and of connections to receivers.</param>
/// <param name="Rest">Files of the journal, the authorizer, the other nodes, and the runtime including what it opens
/// briefly.</param>
internal sealed record FileBudget(int? Limit, int Callers, int Operators, int Callbacks, int Rest)
{
    /// <summary>
    /// Maximum number of callers' connections when <c>server.maxConnections</c> is 0 and the file limit leaves room for
    /// more.
    /// </summary>
    public const int CallersByDefault = 10_000;

    // Measured: 289 before the first connection, most of them assemblies. The rest is for assemblies loaded later and
    // for files opened briefly.
    private const int Runtime = 448;
    private const int Journal = 32;
    private const int Cluster = 64;

    /// <summary>Minimum share of a listener or of callbacks; with less the service does not start.</summary>
    private const int ShareMin = 16;

    /// <summary>
    /// Divides <paramref name="limit"/>: first what the service itself needs, then the rest between callers and
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
                $"The process may open {files} files, of which it needs {rest} itself and {operators} for "
                    + "management.maxConnections; expected a limit (ulimit -n) of at least "
                    + $"{rest + operators + (2 * ShareMin)}.",
            ]);
        }

        // Each may have half, plus what the other does not use of its half.
        var forCallbacks = Math.Min(callbacks, Math.Max(left / 2, left - callers));
        return new(limit, Math.Min(callers, left - forCallbacks), operators, forCallbacks, rest);
    }

    /// <summary>
    /// Returns what <paramref name="settings"/> ask for beyond the file limit; empty when everything fits.
    /// </summary>
    public IEnumerable<string> Cuts(ChargingSettings settings)
    {
        if (settings.Server.MaxConnections > Callers)
            yield return Cut("server.maxConnections", settings.Server.MaxConnections, Callers);
        if (settings.Callback.MaxInFlight > Callbacks)
            yield return Cut("callback.maxInFlight", settings.Callback.MaxInFlight, Callbacks);

        string Cut(string key, int asked, int left) =>
            $"{key} = {asked} is reduced to {left}: the process may open {Limit} files (ulimit -n).";
    }

    /// <summary>
    /// Returns <paramref name="settings"/> with at most as many callbacks in flight as there are files for.
    /// </summary>
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
