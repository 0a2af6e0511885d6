using AkkaCharging.Journal;
using AkkaCharging.Requests;

namespace AkkaCharging.Host.Tests;

/// <summary>Dead letters whose journal fails on a test's request.</summary>
internal sealed class ScriptedDeadLetters(IDeadLetterStore kept) : IDeadLetterStore
{
    /// <summary>Thrown by every call while set.</summary>
    public Exception? Fault { get; set; }

    public ValueTask<DeadLetterPage> ListDeadLettersAsync(
        DeadLetterQuery query,
        DeadLetterCursor? after,
        int most,
        CancellationToken cancellationToken
    ) => Fault is null ? kept.ListDeadLettersAsync(query, after, most, cancellationToken) : throw Fault;

    public ValueTask<long> CountDeadLettersAsync(DeadLetterQuery query, CancellationToken cancellationToken) =>
        Fault is null ? kept.CountDeadLettersAsync(query, cancellationToken) : throw Fault;

    public ValueTask<RedriveResult> RedriveAsync(
        RequestId id,
        DateTimeOffset at,
        CancellationToken cancellationToken
    ) => Fault is null ? kept.RedriveAsync(id, at, cancellationToken) : throw Fault;

    public ValueTask<DiscardOutcome> DiscardAsync(RequestId id, CancellationToken cancellationToken) =>
        Fault is null ? kept.DiscardAsync(id, cancellationToken) : throw Fault;
}
