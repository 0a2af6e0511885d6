namespace AkkaCharging.Journal;

/// <summary>
/// Notifies the operator of the journal's files, and of early deletions. Called by the journal's writer; must neither
/// block nor throw.
/// </summary>
/// <param name="notice">What happened, and what to do about it.</param>
/// <param name="isLoss">Whether files were removed or replaced while the service runs.</param>
internal delegate void JournalNotice(string notice, bool isLoss);
