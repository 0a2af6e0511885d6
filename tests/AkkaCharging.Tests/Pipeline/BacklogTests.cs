using Akka.Event;
using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline;

/// <summary>A backlog that the journal holds at the start.</summary>
[Trait("Category", "Component")]
public sealed class BacklogTests : ChargingServiceTest
{
    /// <summary>There is one place for what an earlier process left.</summary>
    [Fact]
    public async Task Backlog_IsTakenUpAtTheStart_AsPlacesAreGivenBack()
    {
        Journal.Unsettled = await LeftByAnotherProcessAsync(3);

        var service = Start(settings => settings with { Queue = settings.Queue with { MaxSize = 1 } });

        await SettledAsync(3);
        await Eventually.HoldsAsync(() => service.Status.Pending == 0, "all places are given back");
        Assert.All(service.Receivers.Status(10), receiver => Assert.Equal(0, receiver.Pending));
    }

    [Fact]
    public async Task BacklogOfAProcessThatOwnedTheJournalMeanwhile_IsTakenUpToo()
    {
        Journal.Unsettled = await LeftByAnotherProcessAsync(1);
        Start();
        await SettledAsync(1);

        Journal.Unsettled = await LeftByAnotherProcessAsync(2);

        await SettledAsync(3);
    }

    [Fact]
    public async Task RequestThatALaneHolds_IsNotTakenUpAgain()
    {
        var service = New(SettingsLoader.Defaults);
        var request = Sample.Request();
        var recovery = RecoveryOf(
            service,
            () => Enumerable.Repeat(new UnsettledRequest(request, Sample.Decision(), AttemptsMade: 0), 3)
        );

        recovery.Start(Logging.GetLogger(Sys, this));

        await Eventually.HoldsAsync(() => service.Receivers.Status(10).Count == 1, "it is taken up");
        await recovery.StopAsync();
        Assert.Equal(1, service.Status.Pending);
        Assert.Equal(1, Assert.Single(service.Receivers.Status(10)).Pending);
    }

    /// <summary>A page that was read again says what its requests were before they waited for a place.</summary>
    [Fact]
    public async Task RequestThatIsDelivered_AfterItWasReadAgain_IsNotCalledBackAgain()
    {
        var left = await LeftByAnotherProcessAsync(2);
        Journal.Unsettled = [left[0]];
        var service = Start();
        await SettledAsync(1);

        Journal.Unsettled = left;

        await SettledAsync(2);
        Assert.Equal(0, await DrainAsync(service, Grace));
        Assert.Equal(left.Select(unsettled => unsettled.Request.Id), Callbacks.Attempts);
        Assert.All(service.Receivers.Status(10), receiver => Assert.Equal(0, receiver.Pending));
    }

    [Fact]
    public async Task RequestThatIsRedriven_AfterItWasReadAgain_IsLeftToItsRedrive()
    {
        var left = await LeftByAnotherProcessAsync(2);
        var request = left[0].Request;
        var before = left[0] with { Request = request with { ExpiresAt = request.ExpiresAt.AddSeconds(-1) } };

        var lane = await ReadAgainAsync([before, left[1]]);

        Assert.False(lane.Holds(request.Id));
    }

    /// <summary>A request of this process is read too once its idempotency key was sent again.</summary>
    [Fact]
    public async Task RequestThatThisProcessAccepted_AndSettled_IsNotCalledBackAgain()
    {
        var left = await LeftByAnotherProcessAsync(1);
        var own = Sample.Request(); // is not unsettled in the journal
        own = own with { AcceptedAt = Time.GetUtcNow().AddHours(1) };

        var lane = await ReadAsync([new UnsettledRequest(own, Decision: null, AttemptsMade: 0), left[0]], readTo: null);

        Assert.False(lane.Holds(own.Id));
    }

    [Fact]
    public async Task RequestThatCannotBeLookedUp_AfterItWasReadAgain_IsTakenUp()
    {
        var left = await LeftByAnotherProcessAsync(2);
        Journal.DamagedId = left[0].Request.Id;

        var lane = await ReadAgainAsync(left);

        Assert.True(lane.Holds(left[0].Request.Id));
    }

    [Fact]
    public async Task NoBacklog_IsNotLogged()
    {
        var service = New(SettingsLoader.Defaults);
        Sys.EventStream.Subscribe(TestActor, typeof(Info));
        var isRead = new TaskCompletionSource();
        var recovery = RecoveryOf(service, None);

        recovery.Start(Logging.GetLogger(Sys, this));

        await isRead.Task.WaitAsync(Patience);
        await recovery.StopAsync();
        await ExpectNoMsgAsync(TimeSpan.Zero);

        IEnumerable<UnsettledRequest> None()
        {
            isRead.SetResult();
            yield break;
        }
    }

    [Fact]
    public async Task BacklogThatMeetsAnOutage_IsReadAgainAfterASecond()
    {
        var time = new SteppingTime();
        Time = time;
        var service = New(SettingsLoader.Defaults);
        var readings = 0;
        var (timers, disposed) = (time.Timers, time.Disposed);
        var recovery = RecoveryOf(service, Unsettled);

        recovery.Start(Logging.GetLogger(Sys, this));

        await Eventually.HoldsAsync(() => time.Timers == timers + 1, "it waits");
        time.Advance(TimeSpan.FromMilliseconds(999));
        // The wait's own timer is left.
        Assert.Equal((1, timers + 1, disposed), (Volatile.Read(ref readings), time.Timers, time.Disposed));
        time.Advance(TimeSpan.FromMilliseconds(1));
        await Eventually.HoldsAsync(() => service.Status.Pending == 1, "the backlog is read again");
        await recovery.StopAsync();

        IEnumerable<UnsettledRequest> Unsettled()
        {
            if (Interlocked.Increment(ref readings) == 1)
                throw new JournalUnavailableException("scripted");
            yield return new(Sample.Request(), Sample.Decision(), AttemptsMade: 0);
        }
    }

    [Fact]
    public async Task LongBacklog_IsLoggedAsItIsTakenUp()
    {
        var time = new FakeTimeProvider(Sample.Now);
        Time = time;
        var service = New(SettingsLoader.Defaults);
        Sys.EventStream.Subscribe(TestActor, typeof(Info));
        var recovery = RecoveryOf(service, Unsettled);

        recovery.Start(Logging.GetLogger(Sys, this));

        await LoggedAsync("Resuming 0 unsettled requests");
        await LoggedAsync("Resumed 3 unsettled requests of an earlier process so far; 0 are left");
        await LoggedAsync("Resumed 4 unsettled requests of an earlier process in 12");
        await recovery.StopAsync();

        IEnumerable<UnsettledRequest> Unsettled()
        {
            for (var i = 0; i < 4; i++)
            {
                time.Advance(TimeSpan.FromSeconds(i == 3 ? 0 : 4));
                yield return new(Sample.Request(), Sample.Decision(), AttemptsMade: 0);
            }
        }

        async Task LoggedAsync(string start)
        {
            var line = await ExpectMsgAsync<Info>(Patience);
            Assert.StartsWith(start, line.Message.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task BacklogThatMeetsADefect_IsLogged_AndReadAgain()
    {
        var time = new FakeTimeProvider(Sample.Now);
        Time = time;
        var service = New(SettingsLoader.Defaults);
        Sys.EventStream.Subscribe(TestActor, typeof(Error));
        var readings = 0;
        var recovery = RecoveryOf(service, Unsettled);

        recovery.Start(Logging.GetLogger(Sys, this));

        Assert.Equal("planted defect", (await ExpectMsgAsync<Error>(Patience)).Cause.Message);
        await Eventually.HoldsAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                return service.Status.Pending == 1;
            },
            "the backlog is read again"
        );
        await recovery.StopAsync();

        IEnumerable<UnsettledRequest> Unsettled()
        {
            ThrowWhile(() => ++readings == 1);
            yield return new(Sample.Request(), Sample.Decision(), AttemptsMade: 0);
        }
    }

    private async Task<IReadOnlyList<UnsettledRequest>> LeftByAnotherProcessAsync(int count)
    {
        var left = new List<UnsettledRequest>();
        for (var i = 0; i < count; i++)
        {
            var request = Sample.Request(acceptedAt: Time.GetUtcNow());
            await Journal.AcceptAsync(request, idempotency: null, default);
            await Journal.DecideAsync(request.Id, Sample.Decision(), default);
            left.Add(new(request, Sample.Decision(), AttemptsMade: 0));
        }

        return left;
    }

    /// <summary>Has a lane whose requests were read before take up those that it does not skip.</summary>
    /// <param name="unsettled">The last one is not skipped.</param>
    private Task<Lane> ReadAgainAsync(IReadOnlyList<UnsettledRequest> unsettled) =>
        ReadAsync(unsettled, readTo: Time.GetUtcNow());

    private async Task<Lane> ReadAsync(IReadOnlyList<UnsettledRequest> unsettled, DateTimeOffset? readTo)
    {
        var service = New(SettingsLoader.Defaults);
        var lane = new Lane(0, service.Admission) { OpenedAt = Time.GetUtcNow(), ReadTo = readTo };
        var recovery = new Recovery(
            Journal,
            _ => unsettled.ToAsyncEnumerable(),
            _ => lane,
            goesOn: false,
            service.Admission,
            Time
        );
        recovery.Start(Logging.GetLogger(Sys, this));
        await Eventually.HoldsAsync(() => lane.Holds(unsettled[^1].Request.Id), "the last one is taken up");
        await recovery.StopAsync();
        return lane;
    }

    private Recovery RecoveryOf(ChargingService service, Func<IEnumerable<UnsettledRequest>> unsettled) =>
        new(
            Journal,
            _ => unsettled().ToAsyncEnumerable(),
            id => service.Lanes.Of(id, number: 0)!,
            goesOn: false,
            service.Admission,
            Time
        );
}
