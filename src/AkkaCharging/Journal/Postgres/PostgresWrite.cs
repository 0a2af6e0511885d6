using AkkaCharging.Requests;

namespace AkkaCharging.Journal.Postgres;

/// <summary>A write that waits for its batch.</summary>
internal abstract record PostgresWrite(RequestId Id)
{
    /// <summary>Tells the caller that it was not made, as far as is known.</summary>
    public abstract void Fail(JournalUnavailableException problem);
}

/// <inheritdoc/>
internal abstract record PostgresWrite<T>(RequestId Id) : PostgresWrite(Id)
{
    // Callers go on on the pool, never in the writer's loop.
    private readonly TaskCompletionSource<T> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Completion => _completion.Task;

    /// <summary>Tells the caller, after the commit.</summary>
    public void Complete(T result) => _completion.TrySetResult(result);

    public override void Fail(JournalUnavailableException problem) => _completion.TrySetException(problem);
}

internal sealed record AcceptWrite(RequestId Id, RequestRow Row, IdempotencyClaim? Claim)
    : PostgresWrite<AcceptResult>(Id);

/// <summary>Reads in turn with the writes.</summary>
/// <param name="Id">Of no request: its place in the batch.</param>
internal sealed record AcceptedLookup(RequestId Id, IdempotencyClaim Claim) : PostgresWrite<AcceptResult?>(Id);

internal sealed record DecideWrite(RequestId Id, Decision Decision, StoredDecision Stored)
    : PostgresWrite<Decision>(Id);

internal sealed record AttemptWrite(RequestId Id, CallbackAttempt Attempt) : PostgresWrite<bool>(Id);

/// <summary>Completes with the lane that it went into; null when it was no dead letter any more.</summary>
internal sealed record RedriveWrite(RequestId Id, Redrive Redrive) : PostgresWrite<int?>(Id);

internal sealed record DiscardWrite(RequestId Id) : PostgresWrite<bool>(Id);

internal sealed record SettleWrite(RequestId Id, Settlement Settlement) : PostgresWrite<bool>(Id);

/// <summary>Takes or gives up a lane, in turn with the writes; completes with its term.</summary>
internal sealed record LaneWrite(int Lane, bool IsTake) : PostgresWrite<long>(Id: default);
