using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Unit")]
public sealed class DamagedRowsTests
{
    private const int RememberedMax = 1_000;
    private readonly List<(RequestId Id, string Damage)> _reports = [];
    private readonly DamagedRows _rows;

    public DamagedRowsTests() => _rows = new((id, damage) => _reports.Add((id, damage)));

    [Fact]
    public void Count_IsThatOfTheLatestReadingOfEachLane()
    {
        _rows.Add(NewId(), "damage", lane: 1);
        _rows.Add(NewId(), "damage", lane: 1);
        _rows.Add(NewId(), "damage", lane: 2);
        Assert.Equal(3, _rows.Count);

        _rows.Clear(lane: 1);
        Assert.Equal(1, _rows.Count);
        _rows.Add(NewId(), "damage", lane: 1);

        Assert.Equal(2, _rows.Count);
    }

    [Fact]
    public void UnsettledRequest_IsReportedByEachReading()
    {
        var id = NewId();

        for (var reading = 0; reading < 2; reading++)
        {
            _rows.Clear(lane: 0);
            _rows.Add(id, "its station", lane: 0);
        }

        Assert.Equal([(id, "its station"), (id, "its station")], _reports);
    }

    [Fact]
    public void RowsThatListsMeet_AreReportedOnce_AndNotCounted()
    {
        var (first, second) = (new DamagedRow(NewId(), "its state"), new DamagedRow(NewId(), "its reason"));

        _rows.Saw([first]);
        _rows.Saw([first, second]);
        _rows.Saw([second, first]);

        Assert.Equal([(first.Id, "its state"), (second.Id, "its reason")], _reports);
        Assert.Equal(0, _rows.Count);
    }

    [Fact]
    public void RowsThatListsMeet_AreReportedUpToABound()
    {
        var ids = Enumerable.Range(0, RememberedMax + 1).Select(_ => NewId()).ToList();

        _rows.Saw([.. ids.Select(id => new DamagedRow(id, "damage"))]);
        _rows.Saw([new(ids[^1], "damage")]);

        Assert.Equal(ids.Take(RememberedMax), _reports.Select(report => report.Id));
    }

    [Fact]
    public void RowsThatNobodyIsToldOf_AreCounted()
    {
        var untold = new DamagedRows(report: null);

        untold.Add(NewId(), "damage", lane: 0);
        untold.Saw([new(NewId(), "damage")]);

        Assert.Equal(1, untold.Count);
    }

    private static RequestId NewId() => RequestId.New(Sample.Now);
}
