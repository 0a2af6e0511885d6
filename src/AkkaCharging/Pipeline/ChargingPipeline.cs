using Akka;
using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Pipeline.Stages;
using AkkaCharging.Settings;

namespace AkkaCharging.Pipeline;

/// <summary>
/// The graph of the pipeline, from a lane's queue to the settlement, as one value: a lane's owner runs it, runs it
/// again after a failure, and a test runs it with other parts.
/// </summary>
internal static class ChargingPipeline
{
    /// <param name="settings">The limits of this lane.</param>
    /// <param name="completed">Called for each receipt, one at a time.</param>
    /// <param name="tokens">End the run early: the remaining requests pass through unsettled.</param>
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
            .Via(ThrottleStage.Create(parts.Throttle, Deadline, parts.Time, tokens.Stopping))
            .Via(authorization)
            .Via(callbacks) // CallbackReceipt
            .ToMaterialized(Sink.ForEach(completed), (intake, drained) => new RunningPipeline(intake, drained))
            .Named("charging-pipeline");

        // Without authorization.answerWithinMillis, a request is not decided once it has expired: it needs no turn.
        long Deadline(PendingRequest pending) =>
            Math.Min(parts.Authorizers.DeadlineOf(pending.Since, pending.Deadline), pending.Deadline);
    }
}

/// <summary>A running pipeline.</summary>
/// <param name="Intake">The queue of the run; completing it drains the run.</param>
/// <param name="Drained">Completes after the last receipt; fails when the graph failed.</param>
internal sealed record RunningPipeline(ISourceQueueWithComplete<PendingRequest> Intake, Task<Done> Drained);

/// <summary>The parts of the pipeline.</summary>
/// <param name="Throttle">The throttle that all lanes share; null for no limit.</param>
internal sealed record PipelineParts(GuardedChain Authorizers, TokenBucket? Throttle, CallbackParts Callbacks)
{
    public IPipelineObserver Observer => Callbacks.Observer;

    public TimeProvider Time => Callbacks.Time;
}

/// <summary>The limits of one lane.</summary>
/// <param name="QueueSize">Twice <c>queue.maxSize</c>, because all admitted requests and as many recovered ones may
/// fall to one lane.</param>
/// <param name="Callback">The callback settings, whose limits hold for all lanes together.</param>
internal sealed record LaneSettings(int QueueSize, int Parallelism, CallbackSettings Callback)
{
    /// <summary>
    /// Divides the parallelism of the authorizer among the lanes, rounded up. A cluster node may hold any number of
    /// lanes, so each of them may use all of it.
    /// </summary>
    /// <param name="partners">Number of partners. With several, questions wait for their own partner, instead of
    /// queuing behind the questions to a hanging one.</param>
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
