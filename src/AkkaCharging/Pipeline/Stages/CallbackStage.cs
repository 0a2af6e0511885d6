using Akka;
using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaCharging.Receivers;
using AkkaCharging.Settings;

namespace AkkaCharging.Pipeline.Stages;

/// <summary>Where a delivery stands after its first attempt.</summary>
/// <param name="Receipt">Not null once it is settled, or interrupted by shutdown.</param>
internal sealed record Delivery(PendingRequest Pending, CallbackReceipt? Receipt);

/// <summary>Calls back about each decided request until it is settled.</summary>
/// <remarks>
/// <code>
/// ─► destinations ─► first attempts ─┬─ settled ─────────────────────────────┬─►
///    (slots, lines)                  └─ failed ─► destinations ─► retry lane ┘
/// </code>
/// Shape: PendingRequest to CallbackReceipt, one for one, as they settle; materializes nothing.
/// A destination that hangs or fails holds its own slots and lets its own requests wait; first attempts never wait
/// behind retries.
/// Errors: whatever a receiver does is a settlement, journaled before it is emitted.
/// Completion: attempts in flight and retries are finished first. When the lane stops, requests pass with no
/// settlement.
/// </remarks>
internal static class CallbackStage
{
    // Outcomes that wait for one group commit hold no slot any more, but they still hold a task of the stage.
    private const int OutcomesBeingJournaled = 4096;

    public static Flow<PendingRequest, CallbackReceipt, NotUsed> Create(
        CallbackSettings settings,
        Destinations destinations,
        CallbackDelivery delivery,
        CancellationToken stopping
    )
    {
        var retryLane = Flow.Create<Delivery>()
            .Select(failed => failed.Pending)
            .Via(DestinationStage.ForRetries(destinations, stopping))
            .SelectAsyncUnordered(settings.MaxConcurrentRetries, delivery.RetryAsync)
            .Named("callback-retries");

        return DestinationStage
            .ForAttempts(destinations, delivery.GoesOnWithRetries, stopping) // Turn
            .SelectAsyncUnordered(settings.MaxInFlight + OutcomesBeingJournaled, delivery.FirstAttemptAsync) // Delivery
            .Via(BesideSettled(retryLane)) // CallbackReceipt
            .Named("callbacks");
    }

    private static IGraph<FlowShape<Delivery, CallbackReceipt>, NotUsed> BesideSettled(
        IGraph<FlowShape<Delivery, CallbackReceipt>, NotUsed> retryLane
    ) =>
        GraphDsl.Create(builder =>
        {
            var split = builder.Add(new Partition<Delivery>(2, delivered => delivered.Receipt is null ? 1 : 0));
            var merge = builder.Add(new Merge<CallbackReceipt>(2));
            builder
                .From(split.Out(0))
                .Via(Flow.Create<Delivery>().Select(delivered => delivered.Receipt!))
                .To(merge.In(0));
            builder.From(split.Out(1)).Via(retryLane).To(merge.In(1));
            return new FlowShape<Delivery, CallbackReceipt>(split.In, merge.Out);
        });
}
