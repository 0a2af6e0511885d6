namespace AkkaCharging.Journal;

/// <summary>Told what an operator should know about the journal's files; by the journal's writer: must neither block
/// nor throw.</summary>
/// <param name="notice">What happened, and what to do about it.</param>
/// <param name="isLoss">Whether files went away under the running service; else they are less private than they should
/// be.</param>
internal delegate void JournalNotice(string notice, bool isLoss);
