using Akka.Event;
using AkkaCharging.Journal;
using AkkaCharging.Requests;

namespace AkkaCharging.Pipeline.Lanes;

/// <summary>
/// Resumes the unsettled requests of earlier processes: oldest first, alongside new work, as the lanes have room.
/// </summary>
/// <param name="read">Reads the requests from the journal.</param>
/// <param name="lane">Returns the lane of a request.</param>
/// <param name="goesOn">Whether there may be more requests later, left by another process that owned the journal in
/// between.</param>
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
    private static readonly TimeSpan DefectRetry = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(10);

    // A backlog is read in the order in which it was stored: clocks of nodes differ, and requests wait for a commit.
    private static readonly TimeSpan OrderTolerance = TimeSpan.FromMinutes(1);
    private readonly CancellationTokenSource _stopping = new();
    private Task _running = Task.CompletedTask;

    /// <param name="log">Logs the start, the progress and the end of resuming a backlog.</param>
    public void Start(ILoggingAdapter log) => _running = RunAsync(log, _stopping.Token);

    /// <summary>Stops resuming; resumed requests stay in their lanes.</summary>
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
                await journal.WaitForBacklogAsync(stopping);
            }
            catch (JournalUnavailableException)
            {
                // The backlog is read from its start again; requests that a lane holds, or has settled, are skipped.
                await WaitAsync(JournalRetry, stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // The task's outermost handler: nobody else would notice that the rest is not resumed.
                log.Error(e, "Unsettled requests of an earlier process cannot be resumed; this is tried again");
                await WaitAsync(DefectRetry, stopping);
            }
        }
    }

    private async Task WaitAsync(TimeSpan wait, CancellationToken stopping) =>
        await Task.Delay(wait, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async Task TakeUpAllAsync(ILoggingAdapter log, CancellationToken stopping)
    {
        var startedAt = time.GetTimestamp();
        var loggedAt = startedAt;
        var count = 0;
        var readBefore = new Dictionary<Lane, DateTimeOffset?>();
        await foreach (var unsettled in read(stopping))
        {
            if (count++ == 0)
                log.Info("Resuming {Backlog} unsettled requests of an earlier process", journal.Status.Backlog);
            var home = lane(unsettled.Request.Id);
            var acceptedAt = unsettled.Request.AcceptedAt;
            if (!readBefore.TryGetValue(home, out var before))
                readBefore.Add(home, before = home.ReadTo);
            if (!(acceptedAt <= home.ReadTo))
                home.ReadTo = acceptedAt;
            // PostgreSQL lists a request that this process accepted, too, once a caller repeated it.
            var mayBeSettled = acceptedAt <= before + OrderTolerance || acceptedAt > home.OpenedAt;
            // In this order: a request that the lane does not hold any more is settled in the journal.
            if (home.Holds(unsettled.Request.Id) || (mayBeSettled && !await IsStillUnsettledAsync(unsettled, stopping)))
                continue;
            await admission.EnterRecoveredAsync(stopping);
            var receiver = admission.JoinRecovered(unsettled.Request.Callback.Destination, unsettled.IsRedriven);
            if (!home.TryAdd(PendingRequest.FromJournal(unsettled, receiver, time)))
                admission.LeaveRecovered(receiver, unsettled.IsRedriven);
            if (time.GetElapsedTime(loggedAt) < ProgressInterval)
                continue;
            loggedAt = time.GetTimestamp();
            log.Info(
                "Resumed {Count} unsettled requests of an earlier process so far; {Backlog} are left",
                count,
                journal.Status.Backlog
            );
        }

        if (count > 0)
            log.Info(
                "Resumed {Count} unsettled requests of an earlier process in {Seconds:N1} s",
                count,
                time.GetElapsedTime(startedAt).TotalSeconds
            );
    }

    /// <summary>Checks whether a request has neither been settled nor redriven since it was read.</summary>
    /// <remarks>One look-up for each request: only for those that may have been settled since.</remarks>
    private async Task<bool> IsStillUnsettledAsync(UnsettledRequest read, CancellationToken stopping)
    {
        try
        {
            return await journal.FindAsync(read.Request.Id, stopping) is { SettledAt: null } found
                && found.ExpiresAt == read.Request.ExpiresAt; // a redrive renews it, and resumes the request itself
        }
        catch (DamagedRequestException)
        {
            return true; // it could be read before, and another callback is better than none
        }
    }
}
