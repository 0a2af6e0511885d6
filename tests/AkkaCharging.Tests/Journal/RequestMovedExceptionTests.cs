using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Unit")]
public sealed class RequestMovedExceptionTests
{
    [Fact]
    public void Message_TellsWhetherAnyNodeHasTheRequest()
    {
        var id = RequestId.New(Sample.Now);
        var (gone, moved) = (new RequestMovedException(id, isGone: true), new RequestMovedException(id, isGone: false));

        Assert.Equal((true, $"The journal no longer has {id}."), (gone.IsGone, gone.Message));
        Assert.Equal((false, $"{id} is in a lane of another node."), (moved.IsGone, moved.Message));
    }
}
