using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaCharging.Callbacks;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Stages;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Pipeline.Stages;

/// <summary>Deliveries that are under way when their lane stops.</summary>
[Trait("Category", "Component")]
public sealed class CallbackStopTests : CallbackStageTest
{
    private static readonly CallbackSettings Patient = Defaults with
    {
        RetryDelay = TimeSpan.FromHours(100),
        MaxRetryDelay = TimeSpan.FromHours(100),
    };

    [Fact]
    public async Task LeavingToTheJournal_PassesWhatBacksOff_AndFinishesWhatIsInFlight()
    {
        var answer = new TaskCompletionSource<AttemptResult>();
        var backingOff = await DecidedAsync("http://127.0.0.1:8081/busy");
        var inFlight = await DecidedAsync();
        Client.Answer = (request, _, _) =>
            request.Callback.Destination.Port == 8081
                ? Task.FromResult(ScriptedCallbackClient.Busy(TimeSpan.FromMinutes(1)))
                : answer.Task;
        var delivering = DeliverAsync(Defaults, backingOff, inFlight);
        await WaitingAsync(backingOff);
        await Eventually.HoldsAsync(() => Client.AttemptsOf(inFlight) == 1, "the other is in flight");

        await Leaving.CancelAsync();
        answer.SetResult(ScriptedCallbackClient.Ok());

        var receipts = await delivering;
        Assert.Null(receipts.Single(receipt => receipt.Pending == backingOff).Settlement);
        Assert.Equal(RequestState.Delivered, receipts.Single(receipt => receipt.Pending == inFlight).Settlement!.State);
        AssertNothingIsHeld();
    }

    [Fact]
    public async Task LeavingToTheJournal_PassesWhatWaitsForAPausedReceiver()
    {
        var pending = await DecidedAsync();
        var receivers = Receivers(Defaults);
        receivers.Pause(pending.Receiver.Key);
        var delivering = DeliverAsync(Defaults, pending);
        await Eventually.HoldsAsync(() => receivers.Status(1)[0].Waiting == 1, "it waits");

        receivers.Drain();

        Assert.Null(Assert.Single(await delivering).Settlement);
        Assert.Empty(Client.Attempts);
    }

    [Fact]
    public async Task Stop_CancelsAttempts_AndLetsRequestsPassUnsettled()
    {
        Client.Answer = (_, _, stopping) => ScriptedCallbackClient.HangAsync(stopping);
        var settings = Defaults with { MaxInFlight = 1 };
        Receivers(settings);
        var (first, second) = (await DecidedAsync(), await DecidedAsync());
        var delivering = Source
            .From([first, second])
            .Via(Stage(settings))
            .RunWith(Sink.Seq<CallbackReceipt>(), Sys.Materializer());
        await Eventually.HoldsAsync(() => Client.Attempts.Count == 1, "the first attempt is under way");

        await Stopping.CancelAsync();

        Assert.All(await delivering.WaitAsync(Patience), receipt => Assert.Null(receipt.Settlement));
        Assert.Equal((1, 0), (Client.AttemptsOf(first), Client.AttemptsOf(second)));
        await AssertJournalAsync(first, RequestState.Decided, attempts: 0);
    }

    [Fact]
    public async Task StopWhileARetryWaits_LetsTheRequestPassUnsettled()
    {
        Client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy(TimeSpan.FromMinutes(1)));
        var pending = await DecidedAsync();
        var delivering = DeliverAsync(Defaults, pending);
        await WaitingAsync(pending);

        await Stopping.CancelAsync();

        Assert.Null(Assert.Single(await delivering).Settlement);
        await AssertJournalAsync(pending, RequestState.Decided, attempts: 1);
    }

    /// <summary>RestartFlow's own wait, of minutes although it is cut: a lane that stops does not sit it out.</summary>
    [Fact]
    public async Task StopWhileARetryBacksOff_LetsTheRequestPassUnsettledAtOnce()
    {
        Client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy());
        var pending = await DecidedAsync();
        var delivering = DeliverAsync(Patient, pending);
        await Eventually.HoldsAsync(() => Waits().Count == 1, "the retry backs off");

        await Stopping.CancelAsync();

        Assert.Null(Assert.Single(await delivering.WaitAsync(Eventually.Patience)).Settlement);
        Assert.Equal(1, Client.AttemptsOf(pending));
        await AssertJournalAsync(pending, RequestState.Decided, attempts: 1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task LeavingToTheJournal_FinishesARetryInFlight_AndBacksOffNoMore(bool succeeds)
    {
        var answer = new TaskCompletionSource<AttemptResult>();
        Client.Answer = (_, attempt, _) => attempt == 1 ? Task.FromResult(ScriptedCallbackClient.Busy()) : answer.Task;
        var pending = await DecidedAsync();
        var delivering = DeliverAsync(Defaults, pending);
        await Eventually.HoldsAsync(() => Client.AttemptsOf(pending) == 2, "the retry is in flight");

        await Leaving.CancelAsync();
        answer.SetResult(succeeds ? ScriptedCallbackClient.Ok() : ScriptedCallbackClient.Busy());

        Assert.Equal(succeeds ? RequestState.Delivered : null, Assert.Single(await delivering).Settlement?.State);
        await AssertJournalAsync(pending, succeeds ? RequestState.Delivered : RequestState.Decided, attempts: 2);
        Assert.Single(Waits());
        AssertNothingIsHeld();
    }

    /// <summary>An attempt that lacked resources has no wait before it, so the first wait is after a retry.</summary>
    [Fact]
    public async Task StopWhileARetryBacksOffAgain_LetsTheRequestPassUnsettledAtOnce()
    {
        Client.Answer = (_, attempt, _) => Task.FromResult(attempt == 1 ? Lacking() : ScriptedCallbackClient.Busy());
        var pending = await DecidedAsync();
        var delivering = DeliverAsync(Patient, pending);
        await Eventually.HoldsAsync(() => Resources.Status.Waiting == 1, "it waits for resources");
        Time.Advance(ResourceGate.ShortestWait);
        await Eventually.HoldsAsync(() => Waits().Count == 1, "the retry failed and backs off");

        await Leaving.CancelAsync();

        Assert.Null(Assert.Single(await delivering).Settlement);
        await AssertJournalAsync(pending, RequestState.Decided, attempts: 1);
        AssertNothingIsHeld();
    }
}
