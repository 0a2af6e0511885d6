namespace AkkaCharging.Journal;

/// <summary>
/// Receives what an operator should know about the journal: its files, and requests that it forgets early. Called by
/// the journal's writer: must neither block nor throw.
/// </summary>
/// <param name="notice">What happened, and what to do about it.</param>
/// <param name="isLoss">Whether files went away under the running service.</param>
internal delegate void JournalNotice(string notice, bool isLoss);
