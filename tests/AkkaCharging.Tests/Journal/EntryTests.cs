using AkkaCharging.Journal.Memory;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Unit")]
public sealed class EntryTests
{
    private static readonly ChargingRequest Request = Sample.Request();

    [Fact]
    public void Memory_GrowsWithAttempts_Details_TheKeyAndTheTrace()
    {
        var least = Measured(Request);

        var details = new AuthorizationDetails { Text = "Guthaben" };
        var traced = Request with
        {
            Trace = System.Diagnostics.ActivityContext.Parse(
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "vendor=state"
            ),
        };
        var claim = new Claim("hash", new(Request.Id, "body"), since: 0);
        Assert.Equal(least + Claim.Bytes, Measured(Request, claim));
        Assert.Equal(least + (sizeof(char) * "Guthaben".Length), Measured(Request, details: details));
        Assert.Equal(least + (sizeof(char) * "vendor=state".Length), Measured(traced));
        var (two, three) = (Measured(Request, attempts: 2), Measured(Request, attempts: 3));
        Assert.True(least < two && three - two == two - least, $"{least}, {two} and {three} bytes");
    }

    [Fact]
    public void DeadLetter_IsWhatFailedAndWasNotDiscarded()
    {
        var entry = new Entry(Request, [], claim: null);
        Assert.Null(entry.ToDeadLetter());

        Assert.True(entry.Settle(new(RequestState.Failed, Sample.Now, LastAttempt: null), now: 1));
        Assert.Equal(Request.Id, entry.ToDeadLetter()?.Id);

        entry.EraseSecrets();
        Assert.Null(entry.ToDeadLetter());
    }

    [Fact]
    public void SecondSettlement_ChangesNothing()
    {
        var entry = new Entry(Request, [], claim: null);
        entry.Settle(new(RequestState.Failed, Sample.Now, LastAttempt: null), now: 1);

        Assert.False(entry.Settle(new(RequestState.Delivered, Sample.Now.AddSeconds(1), Sample.Attempt()), now: 2));

        Assert.Equal((RequestState.Failed, Sample.Now, 1), (entry.SettledAs, entry.SettledAt, entry.SettledSince));
        Assert.Empty(entry.ToRecord().Attempts);
    }

    /// <summary>The memory of a request that failed.</summary>
    private static int Measured(
        ChargingRequest request,
        Claim? claim = null,
        AuthorizationDetails? details = null,
        int attempts = 0
    )
    {
        var entry = new Entry(request, [], claim);
        entry.Decide(Sample.Decision() with { Details = details });
        for (var i = 0; i < attempts; i++)
            entry.Record(Sample.Attempt());
        entry.Settle(new(RequestState.Failed, Sample.Now, LastAttempt: null), now: 1);
        return entry.MeasureBytes();
    }
}
