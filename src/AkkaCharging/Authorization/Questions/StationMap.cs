using System.Collections.Frozen;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Questions;

/// <summary>What partners call the stations: a file, which is watched and swapped in whole when it changes.</summary>
internal sealed class StationMap : IDisposable
{
    private readonly WatchedFiles<Rows> _stations;

    /// <summary>Reads the file and starts watching it.</summary>
    /// <param name="path">Relative to the working directory.</param>
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

    /// <summary>How the file is.</summary>
    public StationMapStatus Status => new(_stations.Current.ById.Count, _stations.Problem);

    /// <summary>The latest look at the file, for tests to wait for.</summary>
    internal Task Polling => _stations.Polling;

    /// <summary>What partners call <paramref name="station"/>; null without a row.</summary>
    public StationMapping? Find(StationId station) => _stations.Current.ById.GetValueOrDefault(station.Value);

    /// <summary>The station that another system calls <paramref name="externalId"/>; null for none, and for several,
    /// because nobody can tell which of them is meant.</summary>
    public StationId? FindExternal(string externalId) => _stations.Current.ByExternalId.GetValueOrDefault(externalId);

    /// <summary>Stops watching at once.</summary>
    public void Dispose() => _stations.Dispose();

    /// <summary>The rows of the file, by either name.</summary>
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

/// <summary>How the file of stations is.</summary>
/// <param name="Stations">Rows in force.</param>
/// <param name="Problem">Why the file's latest change is not in force; null when it is.</param>
internal sealed record StationMapStatus(int Stations, string? Problem);
