using AkkaCharging.Journal.Encryption;

namespace AkkaCharging.Journal;

/// <summary>
/// The life of the one writer of a <see cref="StoredJournal"/>, which opens the journal and reopens it after faults.
/// </summary>
internal interface IJournalWriter
{
    /// <summary>Completes after the first attempt to open the journal, whether it succeeded or not.</summary>
    Task Tried { get; }

    /// <summary>Completes when the journal turns out to be unusable.</summary>
    Task<InvalidJournalException> Invalid { get; }

    /// <summary>Completes when the writer has written what was queued and has released the journal.</summary>
    Task Ended { get; }

    /// <summary>The keys and secrets of the journal; null until it was opened for the first time.</summary>
    JournalSecrets? Secrets { get; }

    /// <summary>Why new requests are not accepted; null while they are.</summary>
    string? AcceptProblem { get; }

    /// <summary>Begins to end: queued writes are still made.</summary>
    void Stop();
}
