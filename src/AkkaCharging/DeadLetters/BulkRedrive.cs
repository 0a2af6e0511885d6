using AkkaCharging.Journal;

namespace AkkaCharging.DeadLetters;

/// <summary>How the redrive of many dead letters stands.</summary>
/// <param name="Query">Which letters; none that failed after it began.</param>
/// <param name="Matched">Letters that matched when it began.</param>
/// <param name="Redriven">Letters that are on their way again.</param>
/// <param name="PassedOver">Letters that somebody else redrove or discarded meanwhile, that retention forgot, or that
/// cannot be decrypted.</param>
/// <param name="EndedAt">Null while it runs.</param>
/// <param name="IsCancelled">Whether it was told to end before it came to the last letter.</param>
/// <param name="Problem">The defect that ended it; null without one.</param>
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

    /// <summary>Letters that it has not come to.</summary>
    public long Remaining => Math.Max(0, Matched - Redriven - PassedOver);
}

/// <summary>Redrives all dead letters that match, newest first, in steps of a tenth of a second or longer.</summary>
/// <remarks>
/// A step is one page, so that memory is bounded whatever matches. Letters that fail after it began are left alone: a
/// receiver that still fails does not keep it running for ever. It waits for room in the lanes, and for a journal that
/// is away; what it missed meanwhile it does not catch up on.
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

    /// <summary>Begins at once, in the background.</summary>
    /// <param name="query">Bounded in time, so that what fails from now on does not match.</param>
    /// <param name="perSecond">The most that are redriven a second.</param>
    /// <param name="redriveAsync">Throws nothing but <see cref="JournalUnavailableException"/>, and
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

    /// <summary>Completes when it has ended, by itself or because it was cancelled.</summary>
    public Task Ended { get; }

    /// <summary>Redrives no more; what was redriven goes on.</summary>
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
            // The letters that are left stay as they are.
        }
        catch (Exception e)
        {
            // The edge of a job that nobody awaits: whoever looks at its progress is told.
            _problem = e.GetType().Name;
        }

        Interlocked.Exchange(ref _endedAt, _time.GetUtcNow().UtcTicks);
    }

    /// <returns>Where the next step begins; null when there is none.</returns>
    private async Task<DeadLetterCursor?> StepAsync(DeadLetterCursor? after)
    {
        var page = await UntilDoneAsync(() =>
            _store.ListDeadLettersAsync(_start.Query, after, _step, _cancelled.Token)
        );
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
