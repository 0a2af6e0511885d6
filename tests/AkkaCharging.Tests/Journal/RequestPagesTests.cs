using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Unit")]
public sealed class RequestPagesTests
{
    private static readonly RequestQuery Query = new(From: Sample.Now);

    [Fact]
    public void Part_BeginsAtItsFloor_AndTheNextOneEndsThere()
    {
        var floor = RequestId.New(Sample.Now.AddSeconds(1));

        Assert.Equal(floor, RequestPages.From(Query, floor));
        Assert.Equal(floor, RequestPages.Of(Query, floor, [], most: 2).Next);
    }

    [Fact]
    public void PartThatReachesTheFirstIdOfTheQuery_BeginsThere_AndIsTheLast()
    {
        RequestId?[] floors = [null, Query.FirstId, RequestId.New(Sample.Now.AddSeconds(-1))];

        Assert.All(floors, floor => Assert.Equal(Query.FirstId, RequestPages.From(Query, floor)));
        Assert.All(floors, floor => Assert.Null(RequestPages.Of(Query, floor, [], most: 2).Next));
    }

    [Fact]
    public void PartWithAsManyAsAreWanted_GoesOnAtTheLastOfThem_DamagedOrNot()
    {
        var (whole, damaged) = (RequestId.New(Sample.Now.AddSeconds(2)), RequestId.New(Sample.Now.AddSeconds(1)));
        ListedRow<RequestRecord>[] found =
        [
            new(whole, SampleRecord.Of(whole), Damage: null),
            new(damaged, Row: null, "its state"),
        ];

        var page = RequestPages.Of(Query, floor: null, found, most: 2);

        Assert.Equal([whole], page.Requests.Select(record => record.Id));
        Assert.Equal([new DamagedRow(damaged, "its state")], page.Damaged);
        Assert.Equal(damaged, page.Next);
        Assert.Null(RequestPages.Of(Query, floor: null, found, most: 3).Next);
    }
}
