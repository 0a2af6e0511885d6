namespace AkkaCharging.Journal;

/// <summary>
/// Told about each group commit, by the journal's writer after it told the callers; must neither block nor throw.
/// </summary>
/// <param name="duration">Until the disk or the database had it.</param>
/// <param name="writes">How many writes shared it.</param>
internal delegate void CommitReport(TimeSpan duration, int writes);
