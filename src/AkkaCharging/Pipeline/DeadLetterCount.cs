using AkkaCharging.Journal;

namespace AkkaCharging.Pipeline;

/// <summary>How many dead letters there are, as counted a little while ago: whoever asks often has them counted seldom, and never waits for it.</summary>
internal sealed class DeadLetterCount(IRequestJournal journal, TimeProvider time)
{
    /// <summary>The least time between two counts.</summary>
    public static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    // Counting a million takes SQLite's reader a tenth of a second or so: it has at least 95 % of its time for look-ups.
    private const int RestPerDuration = 19;

    private long _latest = -1;
    private long _dueAt = time.GetTimestamp();
    private int _isCounting;

    /// <summary>The latest count; null before the first. Begins another one when it is time for it.</summary>
    public long? Latest()
    {
        if (time.GetTimestamp() >= Volatile.Read(ref _dueAt) && Interlocked.Exchange(ref _isCounting, 1) == 0)
            _ = CountAsync();
        var latest = Volatile.Read(ref _latest);
        return latest < 0 ? null : latest;
    }

    private async Task CountAsync()
    {
        var startedAt = time.GetTimestamp();
        try
        {
            Volatile.Write(ref _latest, await journal.CountDeadLettersAsync(new DeadLetterQuery(), CancellationToken.None));
        }
        catch (JournalUnavailableException)
        {
            // The count before stands until the journal is back.
        }
        finally
        {
            var now = time.GetTimestamp();
            var rest = Math.Max(Rest.TotalSeconds * time.TimestampFrequency, RestPerDuration * (now - startedAt));
            Volatile.Write(ref _dueAt, now + (long)rest);
            Volatile.Write(ref _isCounting, 0);
        }
    }
}
