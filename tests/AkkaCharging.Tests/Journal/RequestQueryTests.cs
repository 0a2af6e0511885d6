using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Authorization;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Unit")]
public sealed class RequestQueryTests
{
    [Fact]
    public void Ids_AreBoundedByTheMillisecondsOfTheTimes()
    {
        var query = new RequestQuery(From: Sample.Now.AddTicks(1), To: Sample.Now.AddSeconds(1).AddTicks(1));

        Assert.True(RequestId.New(Sample.Now.AddMilliseconds(-1)).Value < query.FirstId.Value);
        Assert.True(RequestId.New(Sample.Now).Value > query.FirstId.Value);
        Assert.True(RequestId.New(Sample.Now.AddSeconds(1)).Value < query.EndId.Value);
        Assert.True(RequestId.New(Sample.Now.AddSeconds(1).AddMilliseconds(1)).Value > query.EndId.Value);
    }

    [Fact]
    public void QueryWithoutTimes_HasNoBounds()
    {
        var query = new RequestQuery();

        Assert.Equal((default, new RequestId(Guid.AllBitsSet)), (query.FirstId, query.EndId));
        Assert.Equal((0, long.MaxValue), (query.FromTicks, query.ToTicks));
    }

    [Fact]
    public void Match_MeetsEveryCondition()
    {
        var tls = Sample.Attempt() with { Cause = AttemptCause.Tls };
        var match = SampleRecord.Of(RequestId.New(Sample.Now)) with { Attempts = [Sample.Attempt(), tls] };
        var query = new RequestQuery(
            StationId.TryCreate(Queries.Station.ToUpperInvariant()),
            TokenFingerprint: [.. match.TokenFingerprint],
            From: Sample.Now,
            To: Sample.Now.AddTicks(1),
            new DestinationKey("http", "127.0.0.1", 8080),
            RequestState.Queued,
            AttemptCause.Tls
        );
        RequestRecord[] others =
        [
            match with
            {
                AcceptedAt = Sample.Now.AddTicks(-1),
            },
            match with
            {
                AcceptedAt = Sample.Now.AddTicks(1),
            },
            match with
            {
                StationId = "00000000-0000-4000-8000-00000000abcd",
            },
            match with
            {
                TokenFingerprint = [.. match.TokenFingerprint[1..], 1],
            },
            match with
            {
                Destination = "https://127.0.0.1:8080",
            },
            match with
            {
                State = RequestState.Decided,
            },
            match with
            {
                Attempts = [tls, Sample.Attempt()],
            },
            match with
            {
                Attempts = [],
            },
        ];

        Assert.True(query.Matches(match));
        Assert.All(others, other => Assert.False(query.Matches(other)));
        Assert.All(others, other => Assert.True(new RequestQuery().Matches(other)));
    }
}
