namespace AkkaCharging.Journal;

/// <summary>Writes that the pipeline cannot do without: each is retried until the journal accepts it.</summary>
internal static class JournalWrites
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    /// <summary>Runs <paramref name="write"/> until it succeeds.</summary>
    /// <exception cref="OperationCanceledException">The lane is stopping; the journal keeps the state before this
    /// write.</exception>
    public static async ValueTask<T> UntilWrittenAsync<T>(
        Func<CancellationToken, ValueTask<T>> write,
        TimeProvider time,
        CancellationToken stopping
    )
    {
        for (var wait = FirstWait; ; wait = wait * 2 < LongestWait ? wait * 2 : LongestWait)
        {
            try
            {
                return await write(stopping);
            }
            catch (JournalUnavailableException)
            {
                await Task.Delay(wait, time, stopping);
            }
        }
    }
}
