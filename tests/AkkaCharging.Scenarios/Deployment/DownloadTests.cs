using System.Formats.Tar;
using System.IO.Compression;
using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.Deployment;

/// <summary>
/// The archives that <c>./pack.sh</c> makes, unpacked and started as by someone who has nothing else of the project.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class DownloadTests : IDisposable
{
    private const string Standalone = "-standalone";
    private static readonly string Downloads = Path.Combine(Repository.Root, "artifacts", "downloads");
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Sums_AreThoseOfEveryArchive()
    {
        Assert.Equal(
            from name in ArchivesOf(["linux-arm64", "linux-x64"])
            select $"{Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(PathOf(name))))}  ./{name}.tar.gz",
            File.ReadLines(Path.Combine(Downloads, "SHA256SUMS")).OrderBy(line => line[64..], StringComparer.Ordinal)
        );
    }

    [Theory]
    [InlineData("linux-x64", 0x3e)]
    [InlineData("linux-arm64", 0xb7)]
    public async Task Archive_HoldsProgramsOfItsPlatformOnly(string platform, byte machine)
    {
        foreach (var name in ArchivesOf([platform]))
        {
            var files = await UnpackAsync(name);

            string[] programs = [.. files.Where(IsElf).Select(file => Path.GetRelativePath(_folder.Path, file))];
            Assert.Equal([$"{name}/AkkaCharging.Host", $"{name}/libe_sqlite3.so"], programs);
            Assert.All(programs, file => Assert.Equal(machine, Head(Path.Combine(_folder.Path, file))[18]));
            Assert.DoesNotContain(files, file => Path.GetExtension(file) is ".pdb" or ".xml" or ".cs");
            Assert.DoesNotContain(files, file => file.EndsWith(".lock.json", StringComparison.Ordinal));
            Assert.Contains(Path.Combine(_folder.Path, name, "hocon", "reference.conf"), files);
            Assert.Contains(Path.Combine(_folder.Path, name, "LICENSE"), files);
        }
    }

    /// <summary>A start compiles none of what was compiled already.</summary>
    [Theory]
    [InlineData("linux-x64")]
    [InlineData("linux-arm64")]
    public async Task Archive_HoldsCompiledCode(string platform)
    {
        var files = await UnpackAsync(ArchiveOf(platform, ""));

        var libraries = files.Where(file => Path.GetExtension(file) == ".dll").ToList();
        Assert.Contains(libraries, file => Path.GetFileName(file) == "AkkaCharging.dll");
        Assert.DoesNotContain(libraries, file => !HasCompiledCode(file));
    }

    [Theory]
    [InlineData("")]
    [InlineData(Standalone)]
    public async Task UnpackedService_Serves_FromAnyFolder(string kind)
    {
        var name = ArchiveOf(RuntimeInformation.RuntimeIdentifier, kind);
        await UnpackAsync(name);
        var program = Path.Combine(_folder.Path, name, "AkkaCharging.Host");
        var elsewhere = Directory.CreateDirectory(Path.Combine(_folder.Path, "elsewhere")).FullName;
        var settings = ServiceProcess.Loopback(Path.Combine(_folder.Path, "acl.csv"));
        // One of them has to bring its own .NET, and neither may write to the user's home.
        settings["DOTNET_ROOT"] = kind == Standalone ? "/nowhere" : DotnetRoot();
        settings["HOME"] = elsewhere;

        await using var version = ChildProcess.StartProgram([program, "--version"], elsewhere, settings);
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartProgramAsync([program], settings, elsewhere);
        settings["SERVER_PORT"] = $"{service.Port}";
        await using var health = ChildProcess.StartProgram([program, "health"], elsewhere, settings);
        await service.AcceptAsync(receiver.Url(), ScenarioFolder.AllowedToken);
        await Eventually.HoldsAsync(async () => await receiver.CountAsync() == 1, "the callback arrives");

        Assert.Equal("allowed", Assert.Single(await receiver.ReceivedAsync()).Status);
        Assert.Equal((0, 0), (await version.ExitAsync(), await health.ExitAsync()));
        Assert.Equal([ProductVersion.Text], version.Output);
        Assert.Contains(
            "AkkaCharging",
            await service.Http.GetStringAsync("/openapi/v1.json"),
            StringComparison.Ordinal
        );
        Assert.Contains(
            "<html",
            await service.Http.GetStringAsync(new Uri(await service.ManagementAddressAsync(), "/console")),
            StringComparison.OrdinalIgnoreCase
        );
        Assert.Equal(0, await service.StopAsync());
        Assert.Empty(service.Process.Error);
        // the journal's folder
        Assert.Equal("data", Path.GetFileName(Assert.Single(Directory.EnumerateFileSystemEntries(elsewhere))));
    }

    private static IEnumerable<string> ArchivesOf(IEnumerable<string> platforms) =>
        platforms.SelectMany(platform => new[] { ArchiveOf(platform, Standalone), ArchiveOf(platform, "") });

    private static string ArchiveOf(string platform, string kind) =>
        $"akkacharging-{ProductVersion.Text}-{platform}{kind}";

    private static string PathOf(string name)
    {
        var archive = Path.Combine(Downloads, $"{name}.tar.gz");
        Assert.True(File.Exists(archive), $"./pack.sh makes {archive}");
        return archive;
    }

    /// <summary>Unpacks an archive into the test's folder.</summary>
    /// <returns>Its files.</returns>
    private async Task<IReadOnlyList<string>> UnpackAsync(string name)
    {
        await using var archive = new GZipStream(File.OpenRead(PathOf(name)), CompressionMode.Decompress);
        await TarFile.ExtractToDirectoryAsync(archive, _folder.Path, overwriteFiles: false);
        return
        [
            .. Directory
                .EnumerateFiles(Path.Combine(_folder.Path, name), "*", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal),
        ];
    }

    private static bool HasCompiledCode(string file)
    {
        using var library = new PEReader(File.OpenRead(file));
        return library.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory.Size > 0;
    }

    private static bool IsElf(string file) => Head(file).AsSpan().StartsWith("\u007fELF"u8);

    private static byte[] Head(string file)
    {
        using var stream = File.OpenRead(file);
        var head = new byte[20];
        return head[..stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
    }

    /// <summary>Where this process has its .NET from.</summary>
    private static string DotnetRoot() =>
        Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
}
