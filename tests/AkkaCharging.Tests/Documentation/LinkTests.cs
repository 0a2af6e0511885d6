using System.Text.RegularExpressions;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Documentation;

/// <summary>Every link of the pages leads to an existing target.</summary>
[Trait("Category", "Unit")]
public sealed partial class LinkTests
{
    private const int ReadmeLines = 120;

    private static readonly string[] Folders = ["", "docs", "docs/decisions", "bench"];

    /// <summary>Every page, by its path in the repository.</summary>
    public static TheoryData<string> Pages =>
        [
            .. Folders.SelectMany(folder =>
                Directory
                    .GetFiles(Path.Combine(Repository.Root, folder), "*.md")
                    .Select(file => Path.GetRelativePath(Repository.Root, file))
            ),
        ];

    [Theory]
    [MemberData(nameof(Pages))]
    public void EveryLink_LeadsToAFileAndAHeading(string page)
    {
        var file = Path.Combine(Repository.Root, page);

        var broken = Link()
            .Matches(File.ReadAllText(file))
            .Select(match => match.Groups["target"].Value)
            .Where(target => !target.Contains(':', StringComparison.Ordinal) && !IsThere(file, target));

        Assert.Empty(broken);
    }

    [Fact]
    public void Readme_FitsOneReading() =>
        Assert.InRange(File.ReadAllLines(Path.Combine(Repository.Root, "README.md")).Length, 1, ReadmeLines);

    private static bool IsThere(string from, string target)
    {
        var (path, heading) = target.Split('#') is [var before, var after] ? (before, after) : (target, null);
        var file = path.Length == 0 ? from : Path.GetFullPath(path, Path.GetDirectoryName(from)!);
        return Path.Exists(file) && (heading is null || AnchorsOf(file).Contains(heading, StringComparer.Ordinal));
    }

    /// <summary>The anchors that a page has on GitHub: its headings, in lower case, without punctuation.</summary>
    private static IEnumerable<string> AnchorsOf(string file) =>
        CodeBlock()
            .Replace(File.ReadAllText(file), "")
            .Split('\n')
            .Where(line => line.StartsWith('#'))
            .Select(line => LinkText().Replace(line.TrimStart('#').Trim(), "$1"))
            .Select(text => NotInAnAnchor().Replace(text.ToLowerInvariant(), "").Replace(' ', '-'));

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)", RegexOptions.ExplicitCapture)]
    private static partial Regex Link();

    [GeneratedRegex(@"\[([^\]]*)\]\([^)]*\)")]
    private static partial Regex LinkText();

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CodeBlock();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnAnchor();
}
