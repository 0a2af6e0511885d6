namespace AkkaCharging.Journal;

/// <summary>
/// Notified of each group commit by the journal's writer, after the callers were answered; must neither block nor
/// throw.
/// </summary>
/// <param name="duration">How long the commit took to reach the disk or the database.</param>
/// <param name="writes">Number of writes in the commit.</param>
internal delegate void CommitReport(TimeSpan duration, int writes);
