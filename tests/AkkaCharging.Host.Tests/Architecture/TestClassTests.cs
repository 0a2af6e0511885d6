using System.Text.RegularExpressions;
using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Architecture;

/// <summary>What xunit 2 asks of a class of tests.</summary>
[Trait("Category", "Unit")]
public sealed partial class TestClassTests
{
    /// <summary>
    /// It calls <see cref="IDisposable"/> and <see cref="IAsyncLifetime"/>; the files and journals of a class that is
    /// only <see cref="IAsyncDisposable"/> would be left open.
    /// </summary>
    [Fact]
    public void WhatTestsOpen_IsClosedInAWayThatXunitKnows()
    {
        var files = Repository
            .SourcesIn("tests")
            .Select(file => (Name: Path.GetRelativePath(Repository.Root, file), Text: File.ReadAllText(file)))
            .Where(file => Test().IsMatch(file.Text))
            .ToArray();

        Assert.NotEmpty(files);
        Assert.Empty(files.Where(file => AsyncDisposable().IsMatch(file.Text)).Select(file => file.Name));
    }

    [GeneratedRegex(@"^\s*\[(Fact|Theory)", RegexOptions.Multiline)]
    private static partial Regex Test();

    [GeneratedRegex(@"^public [\w ]*class \w+[^{]*\bIAsyncDisposable\b", RegexOptions.Multiline)]
    private static partial Regex AsyncDisposable();
}
