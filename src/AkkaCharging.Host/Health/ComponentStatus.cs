using AkkaCharging.Host.Http;

namespace AkkaCharging.Host.Health;

/// <summary>Health of a component, from best to worst.</summary>
internal enum ComponentStatus
{
    Up,
    Degraded,
    Down,
}

/// <summary>Names of component statuses in bodies.</summary>
internal static class ComponentStatuses
{
    private static readonly string[] Names = ["UP", "DEGRADED", "DOWN"];

    /// <summary><c>UP</c>, <c>DEGRADED</c> or <c>DOWN</c>.</summary>
    public static string Name(this ComponentStatus status) => Names[(int)status];
}

internal sealed class ComponentStatusWords : IWords
{
    public static IEnumerable<string> All => Enum.GetValues<ComponentStatus>().Select(ComponentStatuses.Name);
}
