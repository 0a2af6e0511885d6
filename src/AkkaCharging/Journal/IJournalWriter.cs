using AkkaCharging.Journal.Encryption;

namespace AkkaCharging.Journal;

/// <summary>
/// The lifetime of the single writer of a <see cref="StoredJournal"/>, which opens the journal and reopens it after
/// faults.
/// </summary>
internal interface IJournalWriter
{
    /// <summary>Completes after the first attempt to open the journal, whether it succeeded or not.</summary>
    Task Tried { get; }

    /// <summary>Completes when the journal turns out to be unusable.</summary>
    Task<InvalidJournalException> Invalid { get; }

    /// <summary>Completes when the writer has written the queued writes and has released the journal.</summary>
    Task Ended { get; }

    /// <summary>The keys and secrets of the journal; null before it was first opened.</summary>
    JournalSecrets? Secrets { get; }

    /// <summary>Why new requests are rejected; null while they are accepted.</summary>
    string? AcceptProblem { get; }

    /// <summary>Starts to stop the writer; queued writes are still made.</summary>
    void Stop();
}
