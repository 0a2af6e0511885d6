using Akka;
using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaCharging.Pipeline;

namespace AkkaCharging.Callbacks;

/// <summary>Calls back about each decided request until it is settled.</summary>
/// <remarks>
/// <code>
/// ─► first attempts ─┬─ settled ────────────────────────────┬─►
///                    └─ failed ─► waiting line ─► retry lane ┘
/// </code>
/// Shape: PendingRequest to CallbackReceipt, one for one, as they settle; materializes nothing.
/// First attempts never wait behind retries: those have a breadth of their own, and what does not fit waits as a plain object.
/// Errors: whatever a receiver does is a settlement, journaled before it is emitted.
/// Completion: attempts in flight and retries are finished first. When the lane stops, requests pass with no settlement.
/// </remarks>
internal static class CallbackStage
{
    /// <param name="waitingLineSize">As many as can be pending: the waiting line must take every failed first attempt without slowing the next.</param>
    public static Flow<PendingRequest, CallbackReceipt, NotUsed> Create(int maxInFlight, int maxConcurrentRetries, int waitingLineSize, CallbackDelivery delivery)
    {
        var retryLane = Flow.Create<Delivery>()
            .Buffer(waitingLineSize, OverflowStrategy.Backpressure)
            .SelectAsyncUnordered(maxConcurrentRetries, delivery.RetryAsync)
            .Named("callback-retries");

        return Flow.Create<PendingRequest>()
            .SelectAsyncUnordered(maxInFlight, delivery.FirstAttemptAsync)   // Delivery
            .Via(BesideSettled(retryLane))                                   // CallbackReceipt
            .Named("callbacks");
    }

    private static IGraph<FlowShape<Delivery, CallbackReceipt>, NotUsed> BesideSettled(IGraph<FlowShape<Delivery, CallbackReceipt>, NotUsed> retryLane) =>
        GraphDsl.Create(builder =>
        {
            var split = builder.Add(new Partition<Delivery>(2, delivered => delivered.Receipt is null ? 1 : 0));
            var merge = builder.Add(new Merge<CallbackReceipt>(2));
            builder.From(split.Out(0)).Via(Flow.Create<Delivery>().Select(delivered => delivered.Receipt!)).To(merge.In(0));
            builder.From(split.Out(1)).Via(retryLane).To(merge.In(1));
            return new FlowShape<Delivery, CallbackReceipt>(split.In, merge.Out);
        });
}
