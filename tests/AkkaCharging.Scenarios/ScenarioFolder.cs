using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>A working directory of one test: access list, settings, nothing else.</summary>
internal sealed class ScenarioFolder : IDisposable
{
    public const string AllowedToken = "allowed-driver-token-0001";
    public const string BlockedToken = "blocked-driver-token-0001";
    private const string Rules =
        $"token,stations,valid_from,valid_until,state\n{AllowedToken},*,,,active\n{BlockedToken},*,,,blocked\n";

    public ScenarioFolder() => Write("acl.csv", Rules);

    public string Path { get; } = Directory.CreateTempSubdirectory("akkacharging-scenario-").FullName;

    /// <summary>Settings of a service on loopback with this folder's access list, and those given.</summary>
    public static Dictionary<string, string> Settings(params ReadOnlySpan<(string Name, string Value)> more)
    {
        var settings = ServiceProcess.Loopback("acl.csv");
        foreach (var (name, value) in more)
            settings[name] = value;
        return settings;
    }

    /// <summary>Writes a file of this folder, replacing it in one step.</summary>
    public void Write(string name, string text)
    {
        var target = System.IO.Path.Combine(Path, name);
        File.WriteAllText(target + ".new", text);
        File.Move(target + ".new", target, overwrite: true);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
