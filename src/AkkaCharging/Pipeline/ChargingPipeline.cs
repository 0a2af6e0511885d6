using Akka;
using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Pipeline.Stages;
using AkkaCharging.Settings;

namespace AkkaCharging.Pipeline;

/// <summary>
/// A request's journey from the queue to its settlement, as one value: run by a lane's owner, run again after a
/// failure, run in a test with other parts.
/// </summary>
internal static class ChargingPipeline
{
    /// <param name="settings">Limits of this lane alone.</param>
    /// <param name="completed">Called for each receipt, one at a time.</param>
    /// <param name="tokens">End the run before its requests do: they pass through unsettled.</param>
    public static IRunnableGraph<RunningPipeline> Create(
        LaneSettings settings,
        PipelineParts parts,
        Action<CallbackReceipt> completed,
        IMaterializer materializer,
        LaneTokens tokens
    )
    {
        var authorization = AuthorizationStage.Create(
            settings.Parallelism,
            parts.Authorizers,
            parts.Callbacks.Journal,
            parts.Observer,
            parts.Time,
            tokens.Stopping
        );
        var callbacks = CallbackStage.Create(settings.Callback, parts.Callbacks, materializer, tokens);

        return Source
            .Queue<PendingRequest>(settings.QueueSize, OverflowStrategy.DropNew) // PendingRequest
            .Via(ThrottleStage.Create(parts.Throttle, Deadline, parts.Time))
            .Via(authorization)
            .Via(callbacks) // CallbackReceipt
            .ToMaterialized(Sink.ForEach(completed), (intake, drained) => new RunningPipeline(intake, drained))
            .Named("charging-pipeline");

        long Deadline(PendingRequest pending) => parts.Authorizers.DeadlineOf(pending.Since, pending.Deadline);
    }
}

/// <summary>What a run of the pipeline is held by.</summary>
/// <param name="Intake">Completing it drains the run.</param>
/// <param name="Drained">Completes after the last receipt; faults when the graph died.</param>
internal sealed record RunningPipeline(ISourceQueueWithComplete<PendingRequest> Intake, Task<Done> Drained);

/// <summary>What the pipeline is made of.</summary>
/// <param name="Throttle">Shared by all lanes; null for no limit.</param>
internal sealed record PipelineParts(GuardedChain Authorizers, TokenBucket? Throttle, CallbackParts Callbacks)
{
    public IPipelineObserver Observer => Callbacks.Observer;

    public TimeProvider Time => Callbacks.Time;
}

/// <summary>The limits of one lane.</summary>
/// <param name="QueueSize">Twice <c>queue.maxSize</c>, whichever lane the requests fall to: as many admitted ones over
/// all lanes, and as many recovered ones.</param>
/// <param name="Callback">Its limits are over all lanes.</param>
internal sealed record LaneSettings(int QueueSize, int Parallelism, CallbackSettings Callback)
{
    /// <summary>
    /// Divides the authorizer's calls side by side among the lanes, rounded up. A node of a cluster may have any number
    /// of lanes, and each may have them all.
    /// </summary>
    /// <param name="partners">With more than one, questions wait for the turn of their partner, and not in the queue
    /// behind those of a partner that hangs.</param>
    public static LaneSettings ShareOf(ChargingSettings settings, int partners)
    {
        var (queue, lanes) = (settings.Queue.MaxSize * 2, settings.Queue.ConsumerThreads);
        return new(
            queue,
            partners > 1 ? queue : (settings.Authorization.Parallelism + lanes - 1) / lanes,
            settings.Callback
        );
    }
}
