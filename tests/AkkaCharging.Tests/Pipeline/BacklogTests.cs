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
