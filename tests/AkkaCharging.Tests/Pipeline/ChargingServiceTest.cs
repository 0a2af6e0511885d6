using System.Collections.Concurrent;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Journal.Memory;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Pipeline;

/// <summary>
/// Intake, lanes and their owners, with scripted neighbours. Waits of 200 ms and more are cut to a tenth.
/// </summary>
public abstract class ChargingServiceTest() : Akka.TestKit.Xunit2.TestKit(ImpatientScheduler.Hocon)
{
    private protected static readonly TimeSpan Patience = Eventually.Patience;
    private protected static readonly TimeSpan Grace = TimeSpan.FromHours(1_000); // a thousandth here
    private protected readonly ScriptedAuthorizer Authorizer = new();
    private StandaloneLanes? _lanes;
    private protected readonly ScriptedCallbackClient Callbacks = new();
    private protected readonly RecordingObserver Observer = new();

    private protected readonly BreakableJournal Journal = new(
        new MemoryJournal(SettingsLoader.Defaults.Journal, TimeProvider.System)
    );

    // requests whose settlement event was replaced by the planted defect
    private protected readonly ConcurrentBag<RequestId> LostToTheDefect = [];
    private protected TimeProvider Time = TimeProvider.System;

    private protected static void ThrowWhile(Func<bool> condition)
    {
        if (condition())
            throw new InvalidOperationException("planted defect");
    }

    private protected static async Task<List<RequestId>> SubmitAsync(ChargingService service, int count)
    {
        var ids = new List<RequestId>();
        for (var i = 0; i < count; i++)
        {
            var result = await service.Intake.SubmitAsync(Sample.Submission());
            Assert.Equal(IntakeOutcome.Accepted, result.Outcome);
            ids.Add(result.Id);
        }

        return ids;
    }

    private protected ChargingService New(ChargingSettings settings) =>
        new(settings, AuthorizerChain.Of("acl", Authorizer), Callbacks, Journal, Observer, Time);

    private protected ChargingService Start(Func<ChargingSettings, ChargingSettings>? change = null)
    {
        var service = New(change is null ? SettingsLoader.Defaults : change(SettingsLoader.Defaults));
        _lanes = new StandaloneLanes(service, Journal, Time);
        _lanes.Start(Sys);
        return service;
    }

    private protected async Task<long> DrainAsync(ChargingService service, TimeSpan grace)
    {
        await service.Intake.CloseAsync();
        return Assert.IsType<LaneStop.Drained>(await _lanes!.StopAsync(grace)).Left;
    }

    private protected Task SettledAsync(int count) =>
        Eventually.HoldsAsync(() => Observer.SettledEvents.Count >= count, $"{count} are settled");

    private protected async Task AssertSettledOnceAsync(IReadOnlyCollection<RequestId> ids)
    {
        foreach (var id in ids)
        {
            var record = await Journal.FindAsync(id, default);
            Assert.Equal(
                (RequestState.Delivered, AuthorizationStatus.Allowed),
                (record!.State, record.Decision!.Status)
            );
            // A lane forgets a request before the observer is told.
            await Eventually.HoldsAsync(() => Settlements(id) > 0, "its settlement is observed");
            Assert.Equal(1, Settlements(id));
        }
    }

    private int Settlements(RequestId id) =>
        Observer.SettledEvents.Count(settled => settled.Id == id) + (LostToTheDefect.Contains(id) ? 1 : 0);

    private protected async Task AssertDecidedAndSettledOnceAsync(IReadOnlyCollection<RequestId> ids)
    {
        Assert.All(ids, id => Assert.InRange(Observer.DecidedEvents.Count(decided => decided.Id == id), 0, 1));
        Assert.Equal(ids.Count, Authorizer.Queries.Select(query => query.RequestId).Distinct().Count());
        await AssertSettledOnceAsync(ids);
    }

    /// <summary>Breaks its caller once, where an owner asks how long its run lasted.</summary>
    private protected sealed class FailingTime : TimeProvider
    {
        public bool FailsOnce { get; set; }

        public bool Failed { get; private set; }

        public override long GetTimestamp()
        {
            if (FailsOnce && Environment.StackTrace.Contains("LaneActor.OnEnded", StringComparison.Ordinal))
            {
                (FailsOnce, Failed) = (false, true);
                throw new InvalidOperationException("planted defect of the owner");
            }

            return base.GetTimestamp();
        }
    }
}
