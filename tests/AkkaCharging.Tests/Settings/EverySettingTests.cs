using System.Text.RegularExpressions;
using AkkaCharging.Settings;
using AkkaCharging.Settings.Hocon;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Settings;

/// <summary>Checks every setting of <see cref="SettingsTable"/>.</summary>
[Trait("Category", "Unit")]
public sealed class EverySettingTests
{
    public static TheoryData<string> Keys => [.. SettingsTable.Rows.Select(row => row.Key)];

    private static IReadOnlyList<string> ReferenceKeys => SettingsEnvironment.PathsOf(SettingsLoader.ReadReference());

    [Fact]
    public void Table_CoversEveryKeyAndEveryProperty()
    {
        Assert.Equal(ReferenceKeys, SettingsTable.Rows.Select(row => row.Key));
        Assert.Equal(
            SettingsSnapshot.Of(ChargingSettings.Default).Keys,
            SettingsTable.Rows.Select(row => row.Property).Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public void Loader_ReadsExactlyTheKeysOfTheReference() =>
        Assert.Equal(
            ReferenceKeys.Order(StringComparer.Ordinal),
            ChargingSettings.Default.Effective.Select(setting => setting.Path).Order(StringComparer.Ordinal)
        );

    [Theory]
    [MemberData(nameof(Keys))]
    public void InFile_ChangesItsPropertyAlone(string key)
    {
        var row = Row(key);
        using var folder = Folder(row);

        AssertChanged(row, folder, Base(folder, row, $"\n{row.Key} = {row.InFile}"));
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void InVariable_ChangesItsPropertyAlone_OverTheFile(string key)
    {
        var row = Row(key);
        using var folder = Folder(row);

        AssertChanged(row, folder, Base(folder, row, "").Variable(SettingsEnvironment.NameOf(row.Key), row.InVariable));
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void BadValue_IsRefused_WithPathPlaceAndWhatIsAllowed(string key)
    {
        var row = Row(key);
        foreach (var bad in row.Bad)
        {
            var problems = Loading.ProblemsOf($"\n{row.Key} = {bad}");

            Assert.All(
                problems,
                problem => Assert.StartsWith($"hocon/application.conf:2: {row.Key}", problem, StringComparison.Ordinal)
            );
            Assert.All(problems, problem => Assert.Contains("; expected ", problem, StringComparison.Ordinal));
        }
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void EndsOfTheRange_AreTaken(string key)
    {
        var row = Row(key);
        var range = Regex.Match(Allowed(key), "number from (.*) to (.*)");
        foreach (var end in range.Groups.Values.Skip(1).Where(end => end.Success))
        {
            using var folder = Folder(row);

            Assert.NotNull(folder.Variable(SettingsEnvironment.NameOf(key), end.Value).Load());
        }
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void Block_IsRefused(string key) =>
        Assert.Equal(
            [$"hocon/application.conf:1: {key} is a single setting; expected a value, not a block."],
            Loading.ProblemsOf($"{key} {{ a = 1 }}")
        );

    [Theory]
    [MemberData(nameof(Keys))]
    public void ReferenceAndDocs_SayWhatTheLoaderChecks(string key)
    {
        var name = SettingsEnvironment.NameOf(key);
        var allowed = Allowed(key);
        var reference = Lines("hocon/reference.conf");
        var leaf = SettingsLoader.ReadReference().Leaves().Single(leaf => leaf.Path == key).Node;
        var line = int.Parse(leaf.Source.Split(':')[1]);

        var comment = reference[line - 2].Trim();
        var value = reference[line - 1].Split(" = ")[1];
        var row = Assert.Single(
            Lines("docs/settings.md"),
            text => text.StartsWith($"| `{key}` |", StringComparison.Ordinal)
        );

        Assert.EndsWith($" [{allowed}]", comment, StringComparison.Ordinal);
        Assert.Equal($"| `{key}` | `{name}` | `{value}` | {allowed} | {comment[2..^(allowed.Length + 3)]} |", row);
    }

    [Fact]
    public void Retention_IsInHours() =>
        Assert.Equal(TimeSpan.FromHours(24), ChargingSettings.Default.Journal.Retention);

    [Fact]
    public void Docs_ListNoOtherKey() =>
        Assert.Equal(
            SettingsTable.Rows.Count,
            Lines("docs/settings.md").Count(line => line.StartsWith("| `", StringComparison.Ordinal))
        );

    [Fact]
    public void Variables_AreUnique() =>
        Assert.Equal(
            SettingsTable.Rows.Count,
            SettingsTable.Rows.Select(row => SettingsEnvironment.NameOf(row.Key)).Distinct().Count()
        );

    [Theory]
    [InlineData("callback.maxInFlightPerDestination", "CALLBACK_MAX_IN_FLIGHT_PER_DESTINATION")]
    [InlineData("callback.security.nat64", "CALLBACK_SECURITY_NAT64")]
    [InlineData("journal.path", "JOURNAL_PATH")]
    [InlineData("authorization.circuitBreaker.enabled", "AUTHORIZATION_CIRCUIT_BREAKER_ENABLED")]
    [InlineData("monitoring.healthCheck.enabled", "MONITORING_HEALTH_CHECK_ENABLED")]
    public void Variable_IsThePathInCapitals(string key, string name) =>
        Assert.Equal(name, SettingsEnvironment.NameOf(key));

    /// <summary>
    /// The end of the problem that a list or a block in a value's place, or a value in a list's, makes.
    /// </summary>
    private static string Allowed(string key)
    {
        var isList = SettingsLoader.ReadReference().Leaves().Single(leaf => leaf.Path == key).Node is ConfigList;
        var problem = Assert.Single(Loading.ProblemsOf($"{key} = {(isList ? "a" : "[]")}"));
        return problem[(problem.LastIndexOf("; expected ", StringComparison.Ordinal) + "; expected ".Length)..^1];
    }

    private static string[] Lines(string file) => File.ReadAllLines(Path.Combine(Repository.Root, file));

    private static SettingRow Row(string key) => SettingsTable.Rows.Single(row => row.Key == key);

    private static SettingsFolder Folder(SettingRow row) => Base(new SettingsFolder(), row, "");

    private static SettingsFolder Base(SettingsFolder folder, SettingRow row, string more) =>
        folder.File(
            "hocon/application.conf",
            (row.Key == "server.allowAnonymous" ? "server.host = localhost" : SettingsFolder.Anonymous)
                + $"\n{SettingsTable.Companions.GetValueOrDefault(row.Key)}{more}"
        );

    private static void AssertChanged(SettingRow row, SettingsFolder folder, SettingsFolder changed)
    {
        var after = SettingsSnapshot.Of(changed.Load());
        changed.Environment.Clear();
        var before = SettingsSnapshot.Of(Base(folder, row, "").Load());

        var difference = Assert.Single(after.Except(before));

        Assert.Equal(KeyValuePair.Create(row.Property, row.Expected), difference);
    }
}
