using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.Deployment;

/// <summary>
/// The repository's Dockerfile, built by <c>deploy/image/build.sh</c>: once for all tests of a class.
/// </summary>
public sealed class BuiltImage : IAsyncLifetime
{
    private static readonly TimeSpan BuildBound = TimeSpan.FromMinutes(5);
    private readonly string _folder = Directory.CreateTempSubdirectory("akkacharging-image-").FullName;
    private IReadOnlyDictionary<string, string> _config = new Dictionary<string, string>();

    /// <summary>Its user, working directory, volume, port, health check and environment.</summary>
    public string this[string name] => _config[name];

    public string RootFileSystem => Path.Combine(_folder, "rootfs");

    public async Task InitializeAsync()
    {
        await using var build = ChildProcess.StartProgram([Script("build.sh"), _folder], Repository.Root);
        Assert.True(await build.ExitAsync(BuildBound) == 0, build.Everything);
        _config = File.ReadLines(Path.Combine(_folder, "config"))
            .Select(line => line.Split('=', 2))
            .ToDictionary(pair => pair[0], pair => pair[1].Trim('"', ' '), StringComparer.Ordinal);
    }

    public Task DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }

    /// <summary>
    /// What starts it with a journal in <paramref name="journal"/>, as its own user on a read-only root file system.
    /// </summary>
    public string[] Command(string journal, params ReadOnlySpan<string> arguments) =>
        [Script("run.sh"), _folder, journal, .. arguments];

    private static string Script(string name) => Path.Combine(Repository.Root, "deploy", "image", name);
}
