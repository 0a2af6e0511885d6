using System.Text.RegularExpressions;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.Deployment;

/// <summary>
/// A locked restore, as <c>test.sh</c>, <c>pack.sh</c> and the Dockerfile make it, in a copy of one project.
/// </summary>
[Trait("Category", "Scenario")]
public sealed partial class LockFileTests : IDisposable
{
    private static readonly TimeSpan RestoreBound = TimeSpan.FromMinutes(2);
    private readonly ScenarioFolder _folder = new();

    public LockFileTests()
    {
        foreach (var file in Directory.EnumerateFiles(Repository.Root, "Directory.*.props"))
            File.Copy(file, Path.Combine(_folder.Path, Path.GetFileName(file)));
        foreach (var name in (string[])["AkkaCharging.csproj", "packages.lock.json"])
            File.Copy(Path.Combine(Repository.Root, "src", "AkkaCharging", name), Path.Combine(_folder.Path, name));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task LockFileOfTheRepository_IsRestored() => Assert.Equal((0, ""), await RestoreAsync());

    [Fact]
    public async Task PackageOfAnotherContent_IsRefused()
    {
        // NuGet says so for a package that it compares with a lock file, whatever source it came from.
        Change("packages.lock.json", Hash(), "${start}AAAA${rest}");

        Assert.Equal((1, "NU1403"), await RestoreAsync());
    }

    [Fact]
    public async Task VersionThatTheLockFileDoesNotName_IsRefused()
    {
        Change("Directory.Packages.props", Version(), "${start}0");

        Assert.Equal((1, "NU1004"), await RestoreAsync());
    }

    [Fact]
    public async Task LockFileThatIsMissing_IsRefused()
    {
        File.Delete(Path.Combine(_folder.Path, "packages.lock.json"));

        Assert.Equal((1, "packages.lock.json is missing."), await RestoreAsync());
    }

    private void Change(string name, Regex pattern, string replacement)
    {
        var text = File.ReadAllText(Path.Combine(_folder.Path, name));
        var changed = pattern.Replace(text, replacement, count: 1);

        Assert.NotEqual(text, changed);
        _folder.Write(name, changed);
    }

    private async Task<(int ExitCode, string Error)> RestoreAsync()
    {
        await using var restore = ChildProcess.Start(
            ["restore", "AkkaCharging.csproj", "--locked-mode", "-nodeReuse:false"],
            _folder.Path
        );
        var exitCode = await restore.ExitAsync(RestoreBound);
        return (exitCode, Reason().Match(restore.Everything).Value);
    }

    [GeneratedRegex("""(?<start>"contentHash": ")....(?<rest>[^"]+")""", RegexOptions.ExplicitCapture)]
    private static partial Regex Hash();

    [GeneratedRegex("""(?<start>"Npgsql" Version="[\d.]+\.)\d+""", RegexOptions.ExplicitCapture)]
    private static partial Regex Version();

    [GeneratedRegex(@"NU\d{4}|\S+ is missing\.")]
    private static partial Regex Reason();
}
