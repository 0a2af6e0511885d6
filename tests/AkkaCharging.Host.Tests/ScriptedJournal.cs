using AkkaCharging.Journal;
using AkkaCharging.Journal.Memory;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Tests;

/// <summary>A journal in memory that fails on a test's request.</summary>
internal sealed class ScriptedJournal(string kind = "memory") : IRequestJournal
{
    private readonly MemoryJournal _kept = new(SettingsLoader.Defaults.Journal, TimeProvider.System);

    /// <summary>Thrown by every acceptance, decision and look-up while set.</summary>
    public Exception? Fault { get; set; }

    /// <summary>Whether an acceptance never ends.</summary>
    public bool Hangs { get; set; }

    /// <summary>Rows that cannot be read.</summary>
    public long Damaged { get; set; }

    /// <summary>The dead letters of this journal.</summary>
    public IDeadLetterStore DeadLetters => _kept;

    /// <summary>The requests of this journal.</summary>
    public IRequestSearch Search => _kept;

    public bool IsDisposed { get; private set; }

    public JournalStatus Status =>
        Fault is JournalUnavailableException
            ? new(kind, IsAvailable: false, Fault.Message, Damaged: Damaged)
            : new(kind, IsAvailable: true, Problem: null, Damaged: Damaged);

    public IdempotencyHasher Hasher => _kept.Hasher;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public IAsyncEnumerable<UnsettledRequest> ReadUnsettledAsync(CancellationToken cancellationToken) =>
        _kept.ReadUnsettledAsync(cancellationToken);

    public ValueTask<AcceptResult> AcceptAsync(
        ChargingRequest request,
        IdempotencyClaim? idempotency,
        CancellationToken cancellationToken
    ) =>
        Hangs ? new(new TaskCompletionSource<AcceptResult>().Task)
        : Fault is null ? _kept.AcceptAsync(request, idempotency, cancellationToken)
        : throw Fault;

    public ValueTask<AcceptResult?> FindAcceptedAsync(IdempotencyClaim claim, CancellationToken cancellationToken) =>
        Fault is null ? _kept.FindAcceptedAsync(claim, cancellationToken) : throw Fault;

    public ValueTask<Decision> DecideAsync(RequestId id, Decision decision, CancellationToken cancellationToken) =>
        Fault is null ? _kept.DecideAsync(id, decision, cancellationToken) : throw Fault;

    public ValueTask RecordAttemptAsync(RequestId id, CallbackAttempt attempt, CancellationToken cancellationToken) =>
        _kept.RecordAttemptAsync(id, attempt, cancellationToken);

    public ValueTask SettleAsync(RequestId id, Settlement settlement, CancellationToken cancellationToken) =>
        _kept.SettleAsync(id, settlement, cancellationToken);

    public ValueTask<RequestRecord?> FindAsync(RequestId id, CancellationToken cancellationToken) =>
        Fault is null ? _kept.FindAsync(id, cancellationToken) : throw Fault;

    public ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return ValueTask.CompletedTask;
    }
}
