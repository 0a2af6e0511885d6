using Akka;
using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaCharging.Callbacks;
using AkkaCharging.Journal;
using AkkaCharging.Receivers;
using AkkaCharging.Settings;

namespace AkkaCharging.Pipeline.Stages;

/// <summary>The parts of the callback stage, shared by all lanes.</summary>
internal sealed record CallbackParts(
    ICallbackClient Client,
    ReceiverRegister Receivers,
    IRequestJournal Journal,
    IPipelineObserver Observer,
    ResourceGate Resources,
    TimeProvider Time
);

/// <summary>A delivery after its first attempt.</summary>
/// <param name="Receipt">The receipt once the delivery is settled or interrupted by shutdown; null before.</param>
internal sealed record Delivery(PendingRequest Pending, CallbackReceipt? Receipt);

/// <summary>Delivers the callback of each decided request until the request is settled.</summary>
/// <remarks>
/// <code>
/// ─► receivers ─► first attempts ─┬─ settled ──────────────────────────┬─►
/// (slots, lines)                  └─ failed ─► receivers ─► retry lane ┘
/// </code>
/// Shape: PendingRequest to CallbackReceipt, one for one, as they settle; materializes nothing. A receiver that hangs
/// or fails only uses its own slots and delays its own requests; first attempts to others never wait behind retries.
/// Errors: every result of an attempt is a value, and a settlement is journaled before it is emitted. Completion:
/// attempts in flight and retries are finished first. When the lane stops, requests pass without a settlement; when it
/// leaves requests to the journal, those that wait for a retry pass in the same way.
/// </remarks>
internal static class CallbackStage
{
    // Outcomes that wait for a group commit hold no slot, but they still hold a task of the stage.
    private const int OutcomesBeingJournaled = 4096;

    /// <param name="materializer">Runs the streams of the retries.</param>
    public static Flow<PendingRequest, CallbackReceipt, NotUsed> Create(
        CallbackSettings settings,
        CallbackParts parts,
        IMaterializer materializer,
        LaneTokens tokens
    )
    {
        var receivers = parts.Receivers;
        var attempt = new DeliveryAttempt(settings, parts, tokens.Stopping);
        var retries = new RestartingRetries(settings, attempt, parts, materializer, tokens);
        var retryLane = Flow.Create<Delivery>()
            .Select(failed => failed.Pending)
            .Via(ReceiverStage.ForRetries(receivers, tokens.Leaving))
            // More than have a place: expired ones, which need none, must not keep those that have one waiting.
            .SelectAsyncUnordered(settings.MaxConcurrentRetries + OutcomesBeingJournaled, retries.RetryAsync)
            .Named("callback-retries");

        return ReceiverStage
            .ForAttempts(receivers, pending => IsRetried(pending) || pending.Moved is not null, tokens.Stopping) // Turn
            .SelectAsyncUnordered(settings.MaxInFlight + OutcomesBeingJournaled, FirstAttemptAsync) // Delivery
            .Via(BesideSettled(retryLane)) // CallbackReceipt
            .Named("callbacks");

        async Task<Delivery> FirstAttemptAsync(Turn turn) =>
            new(turn.Pending, IsRetried(turn.Pending) ? null : (await attempt.MakeAsync(turn)).Receipt);

        bool IsRetried(PendingRequest pending) => pending.Moved is null && retries.AreNext(pending);
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
