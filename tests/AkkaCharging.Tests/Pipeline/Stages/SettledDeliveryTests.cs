using System.Collections.Concurrent;
using Akka.Streams;
using Akka.Streams.Dsl;
using Akka.TestKit.Xunit2;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Callbacks;
using AkkaCharging.Journal.Memory;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Stages;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Authorization;

namespace AkkaCharging.Tests.Pipeline.Stages;

/// <summary>A settled delivery is left alone, though the stream behind its retries would begin another pass.</summary>
[Trait("Category", "Component")]
public sealed class SettledDeliveryTests : TestKit
{
    private const int Deliveries = 300;

    [Theory]
    [InlineData(2, RequestState.Delivered, 2)]
    [InlineData(9, RequestState.Failed, 4)]
    public async Task SettledRetry_IsNotAttemptedAgain(int succeedsAt, object state, int attempts)
    {
        var client = new CountingClient(succeedsAt);
        await using var journal = new MemoryJournal(SettingsLoader.Defaults.Journal, TimeProvider.System);
        var defaults = SettingsLoader.Defaults;
        var settings = defaults.Callback with
        {
            RetryDelay = TimeSpan.FromMilliseconds(1),
            Jitter = 0,
            DestinationBreaker = defaults.Callback.DestinationBreaker with { Enabled = false },
        };
        using var receivers = new ReceiverRegister(settings, defaults.Queue, TimeProvider.System);
        using var resources = new ResourceGate(TimeProvider.System);
        var parts = new CallbackParts(client, receivers, journal, new NoObserver(), resources, TimeProvider.System);
        var pending = new List<PendingRequest>();
        for (var number = 0; number < Deliveries; number++)
            pending.Add(await DecidedAsync(journal, receivers, number));

        var receipts = await Source
            .From(pending)
            .Via(CallbackStage.Create(settings, parts, Sys.StartedMaterializer(), default))
            .RunWith(Sink.Seq<CallbackReceipt>(), Sys.Materializer());

        Assert.All(receipts, receipt => Assert.Equal((RequestState)state, receipt.Settlement!.State));
        await client.QuietAsync();
        Assert.Equal(Enumerable.Repeat(attempts, Deliveries), client.Attempts.Values);
    }

    private static async Task<PendingRequest> DecidedAsync(
        MemoryJournal journal,
        ReceiverRegister receivers,
        int number
    )
    {
        var now = TimeProvider.System.GetUtcNow();
        var url = Assert
            .IsType<UrlVerdict.Allowed>(
                new CallbackAddressPolicy(SettingsLoader.Defaults.Callback.Security).CheckUrl(
                    $"https://receiver-{number}.example.com/"
                )
            )
            .Url;
        var query = Queries.Some();
        var request = new ChargingRequest(RequestId.New(now), query.Station, query.Token, url, now, now.AddMinutes(5));
        await journal.AcceptAsync(request, idempotency: null, CancellationToken.None);
        var pending = Sample.Pending(request, receivers);
        pending.Decision = new Decision(AuthorizationStatus.Allowed, DecisionReason.InAcl, now);
        return pending;
    }

    private sealed class CountingClient(int succeedsAt) : ICallbackClient
    {
        private int _running;

        public ConcurrentDictionary<RequestId, int> Attempts { get; } = new();

        public async Task<AttemptResult> AttemptAsync(
            ChargingRequest request,
            Decision decision,
            CancellationToken stopping
        )
        {
            Interlocked.Increment(ref _running);
            var isSuccess = Attempts.AddOrUpdate(request.Id, 1, (_, made) => made + 1) >= succeedsAt;
            await Task.Yield();
            Interlocked.Decrement(ref _running);
            return new(
                new(
                    decision.DecidedAt,
                    TimeSpan.Zero,
                    HttpStatus: isSuccess ? 204 : 503,
                    isSuccess ? CallbackOutcome.Success : CallbackOutcome.HttpError
                ),
                isSuccess,
                RetryAfter: null
            );
        }

        /// <summary>Waits until no attempt runs.</summary>
        public async Task QuietAsync()
        {
            while (Volatile.Read(ref _running) > 0)
                await Task.Yield();
        }
    }

    private sealed class NoObserver : IPipelineObserver
    {
        public void Decided(ChargingRequest request, Decision decision, TimeSpan queueWait, TimeSpan duration) { }

        public void Answered(
            SynchronousQuestion question,
            Decision decision,
            TimeSpan throttleWait,
            TimeSpan duration
        ) { }

        public void Attempted(ChargingRequest request, CallbackAttempt attempt, bool isRedriven) { }

        public void Settled(ChargingRequest request, Settlement settlement, TimeSpan age, bool isRedriven) { }

        public void BreakerMoved(string partner, BreakerState state) { }

        public void ReceiverMoved(DestinationKey receiver, BreakerState state) { }

        public void AuthorizerFailed(string partner, RequestId id, Exception cause) { }
    }
}
