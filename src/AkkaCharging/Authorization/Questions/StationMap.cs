using System.Collections.Frozen;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Questions;

/// <summary>What partners call the stations: a file, which is watched and swapped in whole when it changes.</summary>
internal sealed class StationMap : IDisposable
{
    private readonly WatchedFiles<FrozenDictionary<Guid, StationMapping>> _stations;

    /// <summary>Reads the file and starts watching it.</summary>
    /// <param name="path">Relative to the working directory.</param>
    /// <param name="onReload">Called after each reload; must not throw or block.</param>
    /// <exception cref="InvalidSettingsException">The file is missing or broken.</exception>
    public StationMap(string path, TimeProvider time, Action<StationMapStatus>? onReload = null) =>
        _stations = new(
            [path],
            time,
            () => StationMapCsv.Load(path),
            (_, problem) => StationMapCsv.Unusable(path, [problem]),
            (stations, problem) => onReload?.Invoke(new(stations.Count, problem))
        );

    /// <summary>How the file is.</summary>
    public StationMapStatus Status => new(_stations.Current.Count, _stations.Problem);

    /// <summary>The latest look at the file, for tests to wait for.</summary>
    internal Task Polling => _stations.Polling;

    /// <summary>What partners call <paramref name="station"/>; null without a row.</summary>
    public StationMapping? Find(StationId station) => _stations.Current.GetValueOrDefault(station.Value);

    /// <summary>Stops watching at once.</summary>
    public void Dispose() => _stations.Dispose();
}

/// <summary>How the file of stations is.</summary>
/// <param name="Stations">Rows in force.</param>
/// <param name="Problem">Why the file's latest change is not in force; null when it is.</param>
internal sealed record StationMapStatus(int Stations, string? Problem);
