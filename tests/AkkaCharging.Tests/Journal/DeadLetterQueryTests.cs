using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Unit")]
public sealed class DeadLetterQueryTests
{
    [Fact]
    public void FirstTicks_AreThoseOfTheQuery_ButNoneThatArePastRetention()
    {
        var oldest = Sample.Now;

        Assert.Equal(oldest.UtcTicks + 1, new DeadLetterQuery().FirstTicks(oldest));
        Assert.Equal(oldest.UtcTicks + 1, new DeadLetterQuery(From: oldest.AddHours(-1)).FirstTicks(oldest));
        Assert.Equal(oldest.UtcTicks + 2, new DeadLetterQuery(From: oldest.AddTicks(2)).FirstTicks(oldest));
    }

    [Fact]
    public void Page_EndsWhereTheOneBeforeDid_OrAtTheEndOfTheQuery()
    {
        var after = new DeadLetterCursor(Sample.Now, RequestId.New(Sample.Now));
        var query = new DeadLetterQuery(To: Sample.Now.AddHours(1));

        Assert.Equal(after, query.End(after));
        Assert.Equal(new DeadLetterCursor(Sample.Now.AddHours(1), default), query.End(after: null));
        Assert.Equal(new DeadLetterCursor(DateTimeOffset.MaxValue, default), new DeadLetterQuery().End(after: null));
    }

    [Fact]
    public void Age_IsBoundedOnEitherSide()
    {
        var (none, young, old) = (
            new DeadLetterQuery(),
            new DeadLetterQuery(AcceptedFrom: Sample.Now),
            new DeadLetterQuery(AcceptedTo: Sample.Now)
        );

        Assert.Equal((false, true, true), (none.HasAge, young.HasAge, old.HasAge));
        Assert.Equal((0, Sample.Now.UtcTicks), (none.AcceptedFromTicks, young.AcceptedFromTicks));
        Assert.Equal((long.MaxValue, Sample.Now.UtcTicks), (none.AcceptedToTicks, old.AcceptedToTicks));
    }
}
