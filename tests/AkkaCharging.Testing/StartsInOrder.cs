namespace AkkaCharging.Testing;

/// <summary>
/// Starts what is posted in order: each when the one before waits, has ended, or has had a head start.
/// </summary>
/// <remarks>
/// xunit starts a task for each test collection by the synchronization context of the thread on which it makes the
/// orderer, and all wait for a place to run. On threads of the pool, one that is interrupted before it waits loses its
/// turn to all others, and runs by itself at the end.
/// </remarks>
internal sealed class StartsInOrder : SynchronizationContext
{
    private static readonly TimeSpan HeadStart = TimeSpan.FromMilliseconds(200);
    private readonly Lock _gate = new();
    private Task _last = Task.CompletedTask;

    public override void Post(SendOrPostCallback d, object? state)
    {
        lock (_gate)
            _last = StartAfterAsync(_last, () => d(state));
    }

    private static async Task StartAfterAsync(Task before, Action start)
    {
        await before.ConfigureAwait(false);
        await Task.WhenAny(Task.Run(start), Task.Delay(HeadStart)).ConfigureAwait(false);
    }
}
