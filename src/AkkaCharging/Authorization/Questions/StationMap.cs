using System.Collections.Frozen;
using AkkaCharging.Files;
using AkkaCharging.Requests;

namespace AkkaCharging.Authorization.Questions;

/// <summary>What partners call the stations: a file, which is watched and swapped in whole when it changes.</summary>
internal sealed class StationMap : IDisposable
{
    private readonly string _path;
    private readonly Action<StationMapStatus>? _onReload;
    private readonly FileWatch _watch;

    // Replaced by the one poll that runs at a time, read by any thread.
    private volatile FrozenDictionary<Guid, StationMapping> _stations;
    private volatile StationMapStatus _status;

    /// <summary>Reads the file and starts watching it.</summary>
    /// <param name="path">Relative to the working directory.</param>
    /// <param name="onReload">Called after each reload; must not throw or block.</param>
    /// <exception cref="InvalidStationMapException">The file is missing or broken.</exception>
    public StationMap(string path, TimeProvider time, Action<StationMapStatus>? onReload = null)
    {
        (_path, _onReload) = (path, onReload);
        _watch = new FileWatch(path, time, Read, Report);
        _stations = LoadFirst();
        _status = new(_stations.Count, Problem: null);
        _watch.Start();
    }

    /// <summary>How the file is.</summary>
    public StationMapStatus Status => _status;

    /// <summary>The latest look at the file, for tests to wait for.</summary>
    internal Task Polling => _watch.Polling;

    /// <summary>What partners call <paramref name="station"/>; null without a row.</summary>
    public StationMapping? Find(StationId station) => _stations.GetValueOrDefault(station.Value);

    /// <summary>Stops watching at once.</summary>
    public void Dispose() => _watch.Dispose();

    private FrozenDictionary<Guid, StationMapping> LoadFirst()
    {
        try
        {
            return _watch.ReadFirst(() => StationMapCsv.Load(_path));
        }
        catch (TimeoutException e)
        {
            throw new InvalidStationMapException(_path, [e.Message], e);
        }
    }

    private FileReading Read()
    {
        try
        {
            var stations = StationMapCsv.Load(_path);
            return new(() =>
            {
                _stations = stations;
                Take(new(stations.Count, Problem: null));
            });
        }
        catch (InvalidStationMapException e)
        {
            return new(() => Report(e.Message), e.IsUnreadable ? e.Message : null);
        }
    }

    private void Report(string problem) => Take(_status with { Problem = problem });

    private void Take(StationMapStatus status)
    {
        _status = status;
        _onReload?.Invoke(status);
    }
}

/// <summary>How the file of stations is.</summary>
/// <param name="Stations">Rows in force.</param>
/// <param name="Problem">Why the file's latest change is not in force; null when it is.</param>
internal sealed record StationMapStatus(int Stations, string? Problem);
