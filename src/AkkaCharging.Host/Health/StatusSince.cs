namespace AkkaCharging.Host.Health;

/// <summary>Remembers since when each component has had its status.</summary>
internal sealed class StatusSince(TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (ComponentStatus Status, DateTimeOffset Since)> _latest = new(
        StringComparer.Ordinal
    );

    /// <summary>Notes the status of a component.</summary>
    /// <returns>When the component was first seen with this status since it last had another.</returns>
    public DateTimeOffset Note(string component, ComponentStatus status)
    {
        lock (_gate)
        {
            if (!_latest.TryGetValue(component, out var latest) || latest.Status != status)
                _latest[component] = latest = (status, time.GetUtcNow());
            return latest.Since;
        }
    }
}
