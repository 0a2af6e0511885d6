using AkkaCharging.Requests;

namespace AkkaCharging.Journal.Postgres;

/// <summary>A write that waits for its batch.</summary>
internal abstract record PostgresWrite(RequestId Id)
{
    /// <summary>Reports to the caller that the write was not made, as far as is known.</summary>
    public abstract void Fail(Exception problem);
}

/// <inheritdoc/>
internal abstract record PostgresWrite<T>(RequestId Id) : PostgresWrite(Id)
{
    // Callers continue on the thread pool, never in the writer's loop.
    private readonly TaskCompletionSource<T> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Completion => _completion.Task;

    /// <summary>Answers the caller after the commit.</summary>
    public void Complete(T result) => _completion.TrySetResult(result);

    public override void Fail(Exception problem) => _completion.TrySetException(problem);
}

internal sealed record AcceptWrite(RequestId Id, RequestRow Row, IdempotencyClaim? Claim)
    : PostgresWrite<AcceptResult>(Id);

/// <summary>A look-up of an idempotency key, made in sequence with the writes.</summary>
/// <param name="Id">Identifies the look-up in the batch; not the id of a request.</param>
internal sealed record AcceptedLookup(RequestId Id, IdempotencyClaim Claim) : PostgresWrite<AcceptResult?>(Id);

internal sealed record DecideWrite(RequestId Id, Decision Decision, StoredDecision Stored)
    : PostgresWrite<Decision>(Id);

internal sealed record AttemptWrite(RequestId Id, CallbackAttempt Attempt) : PostgresWrite<bool>(Id);

/// <summary>A redrive, which completes with its lane; null when the request was no longer a dead letter.</summary>
internal sealed record RedriveWrite(RequestId Id, Redrive Redrive) : PostgresWrite<int?>(Id);

internal sealed record DiscardWrite(RequestId Id) : PostgresWrite<bool>(Id);

internal sealed record SettleWrite(RequestId Id, Settlement Settlement) : PostgresWrite<bool>(Id);

/// <summary>Takes or releases a lane, in sequence with the writes; completes with the lane's term.</summary>
internal sealed record LaneWrite(int Lane, bool IsTake) : PostgresWrite<long>(Id: default);
