using Akka.Event;
using AkkaCharging.Journal;
using AkkaCharging.Requests;

namespace AkkaCharging.Pipeline.Lanes;

/// <summary>
/// Takes up what an earlier process left unsettled: oldest first, beside new work, as the lanes have room.
/// </summary>
/// <param name="read">Reads it from the journal.</param>
/// <param name="lane">The lane that a request belongs to.</param>
/// <param name="goesOn">Whether there may be more later: when another process had the journal in between and left
/// requests of its own.</param>
internal sealed class Recovery(
    IRequestJournal journal,
    Func<CancellationToken, IAsyncEnumerable<UnsettledRequest>> read,
    Func<RequestId, Lane> lane,
    bool goesOn,
    Admission admission,
    TimeProvider time
)
{
    private static readonly TimeSpan JournalRetry = TimeSpan.FromSeconds(1);
    private readonly CancellationTokenSource _stopping = new();
    private Task _running = Task.CompletedTask;

    /// <param name="log">Receives when a backlog begins to be taken up, and when all of it was.</param>
    public void Start(ILoggingAdapter log) => _running = RunAsync(log, _stopping.Token);

    /// <summary>Takes up no more; what was taken up stays in its lane.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await _running;
    }

    private async Task RunAsync(ILoggingAdapter log, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await TakeUpAllAsync(log, stopping);
                if (!goesOn)
                    return;
                while (journal.Status.Backlog == 0)
                    await Task.Delay(JournalRetry, time, stopping);
            }
            catch (JournalUnavailableException)
            {
                // Read again from the oldest: what is in a lane already is passed over.
                await Task.Delay(JournalRetry, time, stopping).ContinueWith(_ => { }, TaskScheduler.Default);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task TakeUpAllAsync(ILoggingAdapter log, CancellationToken stopping)
    {
        var startedAt = time.GetTimestamp();
        var count = 0;
        await foreach (var unsettled in read(stopping))
        {
            if (count++ == 0)
                log.Info("Taking up {Backlog} requests that an earlier process left", journal.Status.Backlog);
            await admission.EnterRecoveredAsync(stopping);
            var receiver = admission.JoinRecovered(unsettled.Request.Callback.Destination);
            if (!lane(unsettled.Request.Id).TryAdd(PendingRequest.FromJournal(unsettled, receiver, time)))
                admission.LeaveRecovered(receiver);
        }

        if (count > 0)
            log.Info(
                "Took up {Count} requests that an earlier process left, in {Seconds:N1} s",
                count,
                time.GetElapsedTime(startedAt).TotalSeconds
            );
    }
}
