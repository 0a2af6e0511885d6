using System.Text;
using AkkaCharging.Authorization.Questions;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Authorization.Questions;

[Trait("Category", "Unit")]
public sealed class StationMapTests : IDisposable
{
    private const string Station = "0b7c1d2e-3f40-4a51-8b62-9c73ad84be95";
    private const string Other = "1b7c1d2e-3f40-4a51-8b62-9c73ad84be95";

    private readonly string _folder = Directory.CreateTempSubdirectory("stations").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Rows_AreRead_WhateverTheOrderOfTheirColumns()
    {
        var map = Read($"external_id,station,evse_uids,location_id\ncb-1,{Station},1;2,LOC1\n\n,{Other},,\n");

        var mapping = map[Guid.Parse(Station)];
        Assert.Equal(("LOC1", "cb-1", null), (mapping.LocationId, mapping.ExternalId, mapping.Group));
        Assert.Equal(["1", "2"], mapping.EvseUids);
        Assert.Equal((null, null), (map[Guid.Parse(Other)].LocationId, map[Guid.Parse(Other)].ExternalId));
        Assert.Empty(map[Guid.Parse(Other)].EvseUids);
    }

    [Theory]
    [InlineData("", "no header; expected station,location_id,evse_uids,external_id,group")]
    [InlineData("location_id\n", "the header does not name the column station")]
    [InlineData("station,place\n", "unknown column 2; the header may name")]
    [InlineData("station,station\n", "column station is named twice")]
    [InlineData("station\nx\n", "record 2: the station is not a UUID")]
    [InlineData("station\n" + Station + ",1\n", "record 2: 2 fields where the header has 1")]
    [InlineData("station\n" + Station + "\n" + Station + "\n", "record 3: the same station as in an earlier record")]
    [InlineData("station,evse_uids\n" + Station + ",1\n", "record 2: evse_uids without a location_id")]
    [InlineData("station,location_id,evse_uids\n" + Station + ",L,1;;2\n", "record 2: location_id and evse_uids")]
    [InlineData("station,location_id\n" + Station + ",ä\n", "record 2: location_id and evse_uids may have up to 36")]
    [InlineData("station,group\n" + Station + ",\"a\tb\"\n", "record 2: external_id and group may have up to 255")]
    [InlineData("station\n" + Station, "the last line has no line end: the file may be cut off")]
    [InlineData("station,group\n" + Station + ",\"a\n", "misplaced or unclosed quote")]
    public void BrokenRows_AreNamed(string csv, string problem) =>
        Assert.Contains(
            problem,
            Assert.Throws<InvalidSettingsException>(() => Read(csv)).Message,
            StringComparison.Ordinal
        );

    [Theory]
    [InlineData("location_id", 36, " ~")]
    [InlineData("external_id", 255, "ä~")]
    [InlineData("group", 255, "ä~")]
    public void Names_AreAsLongAsTheyMayBe(string column, int length, string characters)
    {
        var longest = string.Concat(Enumerable.Repeat(characters, length)).AsSpan(0, length);

        Assert.Single(Read($"station,{column}\n{Station},\"{longest}\"\n"));
        Assert.Throws<InvalidSettingsException>(() =>
            Read($"station,{column}\n{Station},{new string('a', length + 1)}\n")
        );
    }

    [Theory]
    [InlineData(20, 20, "record 21: ")]
    [InlineData(21, 21, "and 1 more")]
    [InlineData(500, 21, "and 480 more")]
    public void FirstTwentyProblems_AreNamed(int broken, int lines, string last)
    {
        var csv = "station\n" + string.Concat(Enumerable.Repeat("x\n", broken));

        var shown = Assert.Throws<InvalidSettingsException>(() => Read(csv)).Message.Split("\n  ");

        Assert.Equal(lines, shown.Length - 1);
        Assert.StartsWith("record 2: ", shown[1], StringComparison.Ordinal);
        Assert.StartsWith(last, shown[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void BrokenHeader_IsNamedAlone()
    {
        var shown = Assert.Throws<InvalidSettingsException>(() => Read("station,place\nx,1\n")).Message.Split("\n  ");

        Assert.StartsWith("unknown column 2", Assert.Single(shown[1..]), StringComparison.Ordinal);
    }

    [Fact]
    public void OtherEncodings_AreNamed() =>
        Assert.Contains(
            "not UTF-8",
            Assert
                .Throws<InvalidSettingsException>(() =>
                    StationMapCsv.Read(new MemoryStream(Encoding.Latin1.GetBytes("station,ä\n")), "stations.csv")
                )
                .Message,
            StringComparison.Ordinal
        );

    [Fact]
    public void FolderInPlaceOfAFile_IsNamed() =>
        Assert.Contains(
            $"Stations file '{_folder}' cannot be used",
            Assert.Throws<InvalidSettingsException>(() => StationMapCsv.Load(_folder)).Message,
            StringComparison.Ordinal
        );

    [Fact]
    public void MissingFile_IsNamed() =>
        Assert.Contains(
            "there is no such file; authorization.stationsFile names it",
            Assert.Throws<InvalidSettingsException>(() => StationMapCsv.Load(Path.Combine(_folder, "none"))).Message,
            StringComparison.Ordinal
        );

    [Fact]
    public async Task ChangedFile_IsTakenUp_AndABrokenOneKeepsTheStations()
    {
        var file = Path.Combine(_folder, "stations.csv");
        await File.WriteAllTextAsync(file, $"station,location_id\n{Station},LOC1\n");
        var time = new FakeTimeProvider();
        var reloads = new List<StationMapStatus>();
        using var map = new StationMap(file, time, reloads.Add);
        Assert.Equal("LOC1", Find(map));

        await File.WriteAllTextAsync(file, $"station,location_id\n{Station},LOC22\n");
        await PollTwiceAsync();
        Assert.Equal(("LOC22", new StationMapStatus(1, Problem: null)), (Find(map), map.Status));

        await File.WriteAllTextAsync(file, "station\nbroken\n");
        await PollTwiceAsync();
        Assert.Equal("LOC22", Find(map));
        Assert.Contains("the station is not a UUID", map.Status.Problem, StringComparison.Ordinal);
        Assert.Equal(2, reloads.Count);

        async Task PollTwiceAsync()
        {
            for (var i = 0; i < 2; i++)
            {
                time.Advance(AkkaCharging.Files.FileWatch.PollInterval);
                await map.Polling;
            }
        }
    }

    [Fact]
    public void ExternalId_NamesAStation_UnlessTwoHaveIt()
    {
        var file = Path.Combine(_folder, "stations.csv");
        const string Third = "2b7c1d2e-3f40-4a51-8b62-9c73ad84be95";
        File.WriteAllText(file, $"station,external_id\n{Station},cp-1\n{Other},both\n{Third},both\n");
        using var map = new StationMap(file, TimeProvider.System);

        Assert.Equal(Station, map.FindExternal("cp-1")?.Text);
        Assert.Null(map.FindExternal("CP-1"));
        Assert.Null(map.FindExternal("both"));
        Assert.Null(map.FindExternal(""));
    }

    private static string? Find(StationMap map) => map.Find(StationId.TryCreate(Station)!)?.LocationId;

    private static System.Collections.Frozen.FrozenDictionary<Guid, AkkaCharging.Authorization.StationMapping> Read(
        string csv
    ) => StationMapCsv.Read(new MemoryStream(Encoding.UTF8.GetBytes(csv)), "stations.csv");
}
