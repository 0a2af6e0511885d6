using System.Collections.Frozen;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Questions;

/// <summary>
/// Maps stations to their names in partner systems; watches the file and replaces the whole map when it changes.
/// </summary>
internal sealed class StationMap : IDisposable
{
    private readonly WatchedFiles<Rows> _stations;

    /// <summary>Reads the file and starts watching it.</summary>
    /// <param name="path">Path of the file, relative to the working directory.</param>
    /// <param name="onReload">Called after each reload; must not throw or block.</param>
    /// <exception cref="InvalidSettingsException">The file is missing or broken.</exception>
    public StationMap(string path, TimeProvider time, Action<StationMapStatus>? onReload = null) =>
        _stations = new(
            [path],
            time,
            () => new Rows(StationMapCsv.Load(path)),
            (_, problem) => StationMapCsv.Unusable(path, [problem]),
            (stations, problem) => onReload?.Invoke(new(stations.ById.Count, problem))
        );

    /// <summary>The status of the stations file.</summary>
    public StationMapStatus Status => new(_stations.Current.ById.Count, _stations.Problem);

    /// <summary>The latest poll of the file, for tests to await.</summary>
    internal Task Polling => _stations.Polling;

    /// <summary>Returns the names of <paramref name="station"/> in partner systems; null without a row.</summary>
    public StationMapping? Find(StationId station) => _stations.Current.ById.GetValueOrDefault(station.Value);

    /// <summary>
    /// Returns the station with <paramref name="externalId"/> in another system; null when no station has that id, or
    /// several do.
    /// </summary>
    public StationId? FindExternal(string externalId) => _stations.Current.ByExternalId.GetValueOrDefault(externalId);

    /// <summary>Stops watching at once.</summary>
    public void Dispose() => _stations.Dispose();

    /// <summary>The rows of the file, indexed by both names.</summary>
    private sealed class Rows(FrozenDictionary<Guid, StationMapping> stations)
    {
        public FrozenDictionary<Guid, StationMapping> ById => stations;

        public FrozenDictionary<string, StationId> ByExternalId { get; } =
            stations
                .Where(row => row.Value.ExternalId is not null)
                .GroupBy(row => row.Value.ExternalId!, row => row.Key, StringComparer.Ordinal)
                .Where(named => named.Count() == 1)
                .ToFrozenDictionary(
                    named => named.Key,
                    named => StationId.TryCreate(named.Single().ToString())!,
                    StringComparer.Ordinal
                );
    }
}

/// <summary>The status of the stations file.</summary>
/// <param name="Stations">Number of rows in force.</param>
/// <param name="Problem">Why the latest change of the file is not in force; null when it is.</param>
internal sealed record StationMapStatus(int Stations, string? Problem);
