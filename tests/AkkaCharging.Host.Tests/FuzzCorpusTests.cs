using AkkaCharging.Testing;
using AkkaCharging.Testing.Fuzzing;

namespace AkkaCharging.Host.Tests;

/// <summary>
/// What the fuzzers start from, and every input that a reader once failed on. <c>tests/fuzz.sh</c> makes up more.
/// </summary>
[Trait("Category", "Unit")]
public sealed class FuzzCorpusTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "corpus");

    /// <summary>Every input, as <c>target/file</c>.</summary>
    public static TheoryData<string> Inputs =>
        [
            .. Directory
                .GetFiles(Folder, "*", SearchOption.AllDirectories)
                .Select(file => Path.GetRelativePath(Folder, file)),
        ];

    [Theory]
    [MemberData(nameof(Inputs))]
    public void Input_IsReadOrRefused(string input) =>
        FuzzTargets.All[Path.GetDirectoryName(input)!](File.ReadAllBytes(Path.Combine(Folder, input)));

    [Fact]
    public void EveryFolder_HasItsTarget() =>
        Assert.Equal(
            FuzzTargets.All.Keys.Order(StringComparer.Ordinal),
            Directory.GetDirectories(Folder).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal)
        );
}
