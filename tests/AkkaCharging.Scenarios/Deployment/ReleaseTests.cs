using System.Globalization;
using System.Text.RegularExpressions;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.Deployment;

/// <summary>The changelog has the version that is built, and the image is built with it.</summary>
[Trait("Category", "Scenario")]
public sealed partial class ReleaseTests : IDisposable
{
    private const string Revision = "0123456789abcdef";
    private static readonly string Script = Path.Combine(Repository.Root, "deploy", "image", "pack.sh");
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Changelog_HasTheVersionThatIsBuilt_AndItsDate()
    {
        var headings = File.ReadLines(Path.Combine(Repository.Root, "CHANGELOG.md"))
            .Where(line => line.StartsWith("## ", StringComparison.Ordinal))
            .ToList();
        var releases = headings.Skip(1).Select(line => Heading().Match(line)).ToList();

        Assert.Equal("## [Unreleased]", headings[0]);
        Assert.All(releases, release => Assert.True(release.Success));
        Assert.Equal(ProductVersion.Text, releases[0].Groups["version"].Value);
        var versions = releases.Select(release => Version.Parse(release.Groups["version"].Value)).ToList();
        var dates = releases
            .Select(release => DateOnly.Parse(release.Groups["date"].Value, CultureInfo.InvariantCulture))
            .ToList();
        Assert.Equal(versions.OrderDescending(), versions);
        Assert.Equal(dates.OrderDescending(), dates);
    }

    [Fact]
    public void Sample_UsesThePackagesOfTheVersion() =>
        Assert.Contains(
            $"""<PackageReference Include="AkkaCharging.Host" Version="{ProductVersion.Text}" />""",
            File.ReadAllText(Path.Combine(Repository.Root, "samples", "CustomAuthorizer", "CustomAuthorizer.csproj")),
            StringComparison.Ordinal
        );

    [Theory]
    [InlineData("docker")]
    [InlineData("podman")]
    public async Task Image_IsBuiltByTheEngineThatRuns_WithTheTagThatDeploymentsName(string engine)
    {
        Engine("docker", runs: engine == "docker");
        Engine("podman", runs: true);

        var (exitCode, output, _) = await PackAsync();

        Assert.Equal(0, exitCode);
        Assert.Equal([engine, Repository.Root], output[..2]);
        Assert.Equal(
            ["build", "--build-arg", $"VERSION={ProductVersion.Text}", "--build-arg", $"REVISION={Revision}"],
            output[2..7]
        );
        var image = Manifests.Read("compose.yaml").Text("services", "akkacharging", "image");
        Assert.Equal(["--tag", image, "."], output[7..]);
        var dockerfile = await File.ReadAllLinesAsync(Path.Combine(Repository.Root, "Dockerfile"));
        Assert.Contains($"ARG VERSION={ProductVersion.Text}", dockerfile);
        Assert.Contains("ARG REVISION=unknown", dockerfile);
    }

    [Fact]
    public async Task WithoutAnEngine_ThePackageIsMade_AndItIsSaidThatTheImageIsNot()
    {
        Engine("docker", runs: false);
        Engine("podman", runs: false);

        var (exitCode, output, error) = await PackAsync();

        Assert.Equal((0, 0), (exitCode, output.Count));
        Assert.Contains($"akkacharging:{ProductVersion.Text} was not built", error[0], StringComparison.Ordinal);
    }

    /// <summary>Writes a program that says what it is told, in place of a container engine.</summary>
    private void Engine(string name, bool runs)
    {
        var file = Path.Combine(_folder.Path, name);
        File.WriteAllText(
            file,
            $$"""
            #!/bin/sh
            [ "$1" = info ] && exit {{(runs ? 0 : 1)}}
            printf '%s\n' {{name}} "$PWD" "$@"
            """
        );
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private async Task<(int ExitCode, List<string> Output, List<string> Error)> PackAsync()
    {
        await using var pack = ChildProcess.StartProgram(
            [Script, ProductVersion.Text, Revision],
            _folder.Path,
            new Dictionary<string, string> { ["PATH"] = $"{_folder.Path}:/usr/bin:/bin" }
        );
        return (await pack.ExitAsync(), [.. pack.Output], [.. pack.Error]);
    }

    [GeneratedRegex(@"^## \[(?<version>\d+\.\d+\.\d+)\] - (?<date>\d{4}-\d\d-\d\d)$", RegexOptions.ExplicitCapture)]
    private static partial Regex Heading();
}
