using System.Reflection;
using AkkaCharging.Host.Composition;
using AkkaCharging.Requests;
using NetArchTest.Rules;

namespace AkkaCharging.Host.Tests.Architecture;

/// <summary>
/// The direction of ARCHITECTURE.md: a folder depends only on folders that precede it in these lists.
/// </summary>
[Trait("Category", "Unit")]
public sealed class DirectionTests
{
    private const string LibraryName = "AkkaCharging";
    private const string HostName = "AkkaCharging.Host";
    private static readonly Assembly Library = typeof(RequestId).Assembly;
    private static readonly Assembly Host = typeof(ChargingHost).Assembly;

    private static readonly string[] LibraryRooms =
    [
        "Timing",
        "Requests",
        "Files",
        "Networks",
        "Connections",
        "Settings",
        "AddressPolicy",
        "Authorization",
        "Receivers",
        "Journal",
        "Callbacks",
        "Pipeline",
        "DeadLetters",
        "Clustering",
        "Metrics",
        "Tracing",
    ];

    private static readonly string[] HostRooms =
    [
        "Connections",
        "Http",
        "Lifetime",
        "Health",
        "Metrics",
        "Telemetry",
        "Admin",
        "Description",
        "Logging",
        "Development",
        "Composition",
        "Cli",
    ];

    public static TheoryData<string> LibraryRoom => new(LibraryRooms);

    public static TheoryData<string> HostRoom => new(HostRooms);

    [Theory]
    [MemberData(nameof(LibraryRoom))]
    public void RoomOfTheLibrary_DependsOnlyOnThoseBeforeIt(string room) =>
        AssertDependsOnNone(Library, LibraryName, room, After(LibraryRooms, room));

    [Theory]
    [MemberData(nameof(HostRoom))]
    public void RoomOfTheHost_DependsOnlyOnThoseBeforeIt(string room) =>
        AssertDependsOnNone(Host, HostName, room, After(HostRooms, room));

    [Fact]
    public void EveryFolder_HasItsPlace()
    {
        Assert.Equal(LibraryRooms.Order(), Rooms(Library, LibraryName));
        Assert.Equal(HostRooms.Order(), Rooms(Host, HostName));
    }

    [Fact]
    public void JournalKinds_DoNotKnowEachOther()
    {
        string[] kinds = ["Journal.Memory", "Journal.Sqlite", "Journal.Postgres"];

        Assert.All(kinds, kind => AssertDependsOnNone(Library, LibraryName, kind, kinds.Where(other => other != kind)));
    }

    [Fact]
    public void TheLibrary_KnowsNoTypeOfAspNetCore() =>
        AssertHolds(Types.InAssembly(Library).ShouldNot().HaveDependencyOn("Microsoft.AspNetCore").GetResult());

    [Fact]
    public void TheHost_KnowsNoStream() =>
        AssertHolds(Types.InAssembly(Host).ShouldNot().HaveDependencyOn("Akka.Streams").GetResult());

    private static IEnumerable<string> After(string[] rooms, string room) =>
        rooms.SkipWhile(before => before != room).Skip(1);

    private static void AssertDependsOnNone(Assembly assembly, string root, string room, IEnumerable<string> others)
    {
        string[] forbidden = [.. others.Select(other => $"{root}.{other}")];
        var types = Types.InAssembly(assembly).That().ResideInNamespaceMatching($@"^{root}\.{room}(\.|$)");

        Assert.NotEmpty(types.GetTypes());
        if (forbidden.Length > 0)
            AssertHolds(types.ShouldNot().HaveDependencyOnAny(forbidden).GetResult());
    }

    private static void AssertHolds(TestResult result) =>
        Assert.True(result.IsSuccessful, string.Join(Environment.NewLine, result.FailingTypeNames ?? []));

    private static IEnumerable<string> Rooms(Assembly assembly, string root) =>
        assembly
            .GetTypes()
            .Select(type => type.Namespace ?? "")
            .Where(name => name.StartsWith($"{root}.", StringComparison.Ordinal))
            .Select(name => name[(root.Length + 1)..].Split('.')[0])
            .Distinct()
            .Order();
}
