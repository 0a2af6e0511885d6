using AkkaCharging.Journal;
using AkkaCharging.Requests;

namespace AkkaCharging.Tests.DeadLetters;

/// <summary>Dead letters whose journal a test makes fail.</summary>
internal sealed class BreakableDeadLetters(IDeadLetterStore store) : IDeadLetterStore
{
    private int _refused;
    private int _listed;

    public bool IsAway { get; set; }

    /// <summary>Whether only redrives are rejected.</summary>
    public bool RefusesRedrives { get; set; }

    /// <summary>The exception that a rejected call throws.</summary>
    public Exception Refusal { get; set; } = new JournalUnavailableException("scripted");

    /// <summary>Calls that were refused.</summary>
    public int Refused => Volatile.Read(ref _refused);

    /// <summary>Pages that were read.</summary>
    public int Listed => Volatile.Read(ref _listed);

    public async ValueTask<DeadLetterPage> ListDeadLettersAsync(
        DeadLetterQuery query,
        DeadLetterCursor? after,
        int most,
        CancellationToken cancellationToken
    )
    {
        var page = await store.ListDeadLettersAsync(query, after, most, cancellationToken);
        Interlocked.Increment(ref _listed);
        return page;
    }

    public ValueTask<long> CountDeadLettersAsync(DeadLetterQuery query, CancellationToken cancellationToken)
    {
        Check();
        return store.CountDeadLettersAsync(query, cancellationToken);
    }

    public ValueTask<RedriveResult> RedriveAsync(RequestId id, DateTimeOffset at, CancellationToken cancellationToken)
    {
        Check(RefusesRedrives);
        return store.RedriveAsync(id, at, cancellationToken);
    }

    public ValueTask<DiscardOutcome> DiscardAsync(RequestId id, CancellationToken cancellationToken)
    {
        Check();
        return store.DiscardAsync(id, cancellationToken);
    }

    private void Check(bool isRefused = false)
    {
        if (!IsAway && !isRefused)
            return;
        Interlocked.Increment(ref _refused);
        throw Refusal;
    }
}
