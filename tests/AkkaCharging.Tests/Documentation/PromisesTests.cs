using System.Text.RegularExpressions;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Documentation;

/// <summary>
/// The faults of <c>tests/planted</c> can still be planted, and name tests that exist. <c>tests/promises.sh</c> plants
/// them and shows that these tests fail.
/// </summary>
[Trait("Category", "Unit")]
public sealed partial class PromisesTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "planted");

    public static TheoryData<string> Faults =>
        [.. Directory.GetFiles(Folder, "*.patch").Select(file => Path.GetFileNameWithoutExtension(file))];

    [Theory]
    [MemberData(nameof(Faults))]
    public void Fault_CanBePlanted_NamesItsTest_AndIsListed(string fault)
    {
        var lines = File.ReadAllLines(Path.Combine(Folder, fault + ".patch"));

        Assert.All(["Promise: ", "Said in: ", "Fault: "], field => Line(field));
        AssertTestExists(Line("Test: "));
        AssertApplies(lines);
        Assert.Contains(
            $"(planted/{fault}.patch)",
            File.ReadAllText(Path.Combine(Repository.Root, "tests", "PROMISES.md")),
            StringComparison.Ordinal
        );

        string Line(string field) => Assert.Single(lines, line => line.StartsWith(field, StringComparison.Ordinal));
    }

    private static void AssertTestExists(string line)
    {
        var test = Test().Match(line);
        Assert.True(test.Success, line);
        // A contract's tests stand in its own file.
        Assert.Contains(
            Directory.EnumerateFiles(
                Path.Combine(Repository.Root, test.Groups["project"].Value),
                "*.cs",
                SearchOption.AllDirectories
            ),
            file => File.ReadAllText(file).Contains($" {test.Groups["method"].Value}(", StringComparison.Ordinal)
        );
    }

    /// <summary>Each hunk's lines, without those that it adds, stand once in its file.</summary>
    private static void AssertApplies(string[] lines)
    {
        var source = "";
        var hunk = new List<string>();
        var hunks = 0;
        foreach (var line in lines.SkipWhile(line => !line.StartsWith("--- a/", StringComparison.Ordinal)).Append("@@"))
        {
            if (line.StartsWith("--- a/", StringComparison.Ordinal) || line.StartsWith("@@", StringComparison.Ordinal))
            {
                AssertStands();
                hunk.Clear();
                if (line[0] == '-')
                    source = File.ReadAllText(Path.Combine(Repository.Root, line["--- a/".Length..]));
            }
            else if (line is [' ' or '-', ..])
            {
                hunk.Add(line[1..]);
            }
        }

        Assert.True(hunks > 0, "the fault changes nothing");

        void AssertStands()
        {
            if (hunk.Count == 0)
                return;
            hunks++;
            Assert.Equal(2, $"\n{source}".Split($"\n{string.Join('\n', hunk)}\n").Length);
        }
    }

    [GeneratedRegex(@"^Test: (?<project>tests/[\w.]+) \w+\.(?<method>\w+)$")]
    private static partial Regex Test();
}
