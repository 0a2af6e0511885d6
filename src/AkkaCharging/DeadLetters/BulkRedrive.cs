using AkkaCharging.Journal;

namespace AkkaCharging.DeadLetters;

/// <summary>The progress of a bulk redrive of dead letters.</summary>
/// <param name="Query">Selects the letters; none that failed after the redrive began.</param>
/// <param name="Matched">Number of letters that matched when the redrive began.</param>
/// <param name="Redriven">Number of letters that were redriven.</param>
/// <param name="PassedOver">Number of letters that were redriven or discarded separately, were deleted by
/// retention, or cannot be read or decrypted.</param>
/// <param name="EndedAt">When the redrive ended; null while it runs.</param>
/// <param name="IsCancelled">Whether the redrive was cancelled before its last letter.</param>
/// <param name="Problem">The unexpected error that ended the redrive; null without one.</param>
internal sealed record BulkProgress(
    DeadLetterQuery Query,
    DateTimeOffset StartedAt,
    long Matched,
    long Redriven,
    long PassedOver,
    DateTimeOffset? EndedAt,
    bool IsCancelled,
    string? Problem
)
{
    public bool IsRunning => EndedAt is null;

    /// <summary>Number of letters that are still to be processed.</summary>
    public long Remaining => Math.Max(0, Matched - Redriven - PassedOver);
}

/// <summary>What came of the call to start a bulk redrive.</summary>
/// <param name="Matched">Number of letters that match.</param>
/// <param name="Progress">The redrive that was started; null for other outcomes.</param>
internal sealed record BulkStart(BulkOutcome Outcome, long Matched, BulkProgress? Progress = null);

/// <summary>The outcome of the call to start a bulk redrive.</summary>
internal enum BulkOutcome
{
    /// <summary>The redrive has been started.</summary>
    Started,

    /// <summary>Another number of letters matches than was confirmed.</summary>
    NotConfirmed,

    /// <summary>Another bulk redrive is running, or the service is stopping.</summary>
    Busy,
}

/// <summary>Redrives all dead letters that match, newest first, in steps of a tenth of a second or longer.</summary>
/// <remarks>
/// A step is one page, so that memory is bounded. Letters that fail after the redrive began are left alone: a receiver
/// that still fails does not keep it running forever. The redrive waits for room in the lanes, and for a journal that
/// is unavailable, without catching up afterwards.
/// </remarks>
internal sealed class BulkRedrive
{
    private const int StepsPerSecond = 10;

    private readonly IDeadLetterStore _store;
    private readonly Func<DeadLetter, CancellationToken, Task<RedriveOutcome>> _redriveAsync;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _cancelled = new();
    private readonly int _step;
    private readonly TimeSpan _stepTime;
    private readonly BulkProgress _start;
    private long _redriven;
    private long _passedOver;
    private long _endedAt;
    private volatile string? _problem;

    /// <summary>Starts the redrive in the background.</summary>
    /// <param name="query">Selects the letters. Bounded in time, so that later failures do not match.</param>
    /// <param name="perSecond">Maximum number of letters redriven per second.</param>
    /// <param name="redriveAsync">Redrives one letter. Throws only <see cref="JournalUnavailableException"/>, and
    /// <see cref="OperationCanceledException"/> for its token.</param>
    public BulkRedrive(
        IDeadLetterStore store,
        DeadLetterQuery query,
        long matched,
        int perSecond,
        Func<DeadLetter, CancellationToken, Task<RedriveOutcome>> redriveAsync,
        TimeProvider time
    )
    {
        (_store, _redriveAsync, _time) = (store, redriveAsync, time);
        _step = Math.Clamp(perSecond / StepsPerSecond, 1, DeadLetterPage.LettersMax);
        _stepTime = TimeSpan.FromSeconds((double)_step / perSecond);
        _start = new(
            query,
            time.GetUtcNow(),
            matched,
            Redriven: 0,
            PassedOver: 0,
            EndedAt: null,
            IsCancelled: false,
            Problem: null
        );
        Ended = Task.Run(RunAsync);
    }

    public BulkProgress Progress =>
        _start with
        {
            Redriven = Interlocked.Read(ref _redriven),
            PassedOver = Interlocked.Read(ref _passedOver),
            EndedAt = Interlocked.Read(ref _endedAt) is not 0 and var ticks ? StoredNames.Time(ticks) : null,
            IsCancelled = _cancelled.IsCancellationRequested,
            Problem = _problem,
        };

    /// <summary>Completes when the redrive has ended or was cancelled.</summary>
    public Task Ended { get; }

    /// <summary>Cancels the redrive; letters redriven so far are delivered as usual.</summary>
    public void Cancel() => _cancelled.Cancel();

    private async Task RunAsync()
    {
        try
        {
            DeadLetterCursor? after = null;
            do
            {
                var next = Task.Delay(_stepTime, _time, _cancelled.Token);
                after = await StepAsync(after);
                await next;
            } while (after is not null);
        }
        catch (OperationCanceledException) when (_cancelled.IsCancellationRequested)
        {
            // The remaining letters stay as they are.
        }
        catch (Exception e)
        {
            // The outermost handler of a job that is never awaited: its progress shows the problem.
            _problem = e.GetType().Name;
        }

        Interlocked.Exchange(ref _endedAt, _time.GetUtcNow().UtcTicks);
    }

    /// <returns>The place where the next step begins; null when there is none.</returns>
    private async Task<DeadLetterCursor?> StepAsync(DeadLetterCursor? after)
    {
        var page = await UntilDoneAsync(() =>
            _store.ListDeadLettersAsync(_start.Query, after, _step, _cancelled.Token)
        );
        Interlocked.Add(ref _passedOver, page.Damaged.Count);
        await Task.WhenAll(
            page.Letters.Select(async letter =>
            {
                var outcome = await UntilDoneAsync(async () => await _redriveAsync(letter, _cancelled.Token));
                Interlocked.Increment(ref outcome == RedriveOutcome.Redriven ? ref _redriven : ref _passedOver);
            })
        );
        return page.Next;
    }

    private ValueTask<T> UntilDoneAsync<T>(Func<ValueTask<T>> call) =>
        JournalWrites.UntilWrittenAsync(_ => call(), _time, _cancelled.Token);
}
