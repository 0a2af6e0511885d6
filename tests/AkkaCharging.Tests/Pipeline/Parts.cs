using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Event;
using AkkaCharging.Callbacks;
using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;

namespace AkkaCharging.Tests.Pipeline;

/// <summary>Records the pipeline's events; throws where a test plants a defect.</summary>
internal sealed class RecordingObserver : IPipelineObserver
{
    public ConcurrentQueue<(
        RequestId Id,
        Decision Decision,
        TimeSpan QueueWait,
        TimeSpan Duration
    )> DecidedEvents { get; } = new();

    public ConcurrentQueue<(
        SynchronousQuestion Question,
        Decision Decision,
        TimeSpan ThrottleWait,
        TimeSpan Duration
    )> AnsweredEvents { get; } = new();

    public ConcurrentQueue<(RequestId Id, CallbackAttempt Attempt)> AttemptedEvents { get; } = new();

    public ConcurrentQueue<(RequestId Id, Settlement Settlement)> SettledEvents { get; } = new();

    /// <summary>How old requests were when they were settled.</summary>
    public ConcurrentQueue<TimeSpan> Ages { get; } = new();

    /// <summary>Runs on each decision, before it is noted.</summary>
    public Action<ChargingRequest> OnDecided { get; set; } = _ => { };

    /// <summary>Runs on each settlement, before it is noted.</summary>
    public Action<ChargingRequest> OnSettled { get; set; } = _ => { };

    public void Decided(ChargingRequest request, Decision decision, TimeSpan queueWait, TimeSpan duration)
    {
        OnDecided(request);
        DecidedEvents.Enqueue((request.Id, decision, queueWait, duration));
    }

    public void Answered(SynchronousQuestion question, Decision decision, TimeSpan throttleWait, TimeSpan duration) =>
        AnsweredEvents.Enqueue((question, decision, throttleWait, duration));

    public void Attempted(ChargingRequest request, CallbackAttempt attempt, bool isRedriven) =>
        AttemptedEvents.Enqueue((request.Id, attempt));

    public void Settled(ChargingRequest request, Settlement settlement, TimeSpan age, bool isRedriven)
    {
        OnSettled(request);
        SettledEvents.Enqueue((request.Id, settlement));
        Ages.Enqueue(age);
    }

    public void BreakerMoved(string partner, BreakerState state) { }

    public void ReceiverMoved(DestinationKey receiver, BreakerState state) { }

    public void AuthorizerFailed(string partner, RequestId id, Exception cause) { }
}

/// <summary>A receiver without a network. Answers 200 without a script.</summary>
internal sealed class ScriptedCallbackClient : ICallbackClient
{
    private readonly ConcurrentDictionary<RequestId, int> _attempts = new();
    private readonly ConcurrentQueue<RequestId> _order = new();

    /// <summary>Answers an attempt, counted from 1 for each request.</summary>
    public Func<ChargingRequest, int, CancellationToken, Task<AttemptResult>> Answer { get; set; } =
        (_, _, _) => Task.FromResult(Ok());

    /// <summary>Attempts in the order of their start.</summary>
    public IReadOnlyCollection<RequestId> Attempts => _order;

    public int AttemptsOf(PendingRequest pending) => _attempts.GetValueOrDefault(pending.Request.Id);

    public static AttemptResult Ok() =>
        new(Sample.Attempt(CallbackOutcome.Success, System.Net.HttpStatusCode.OK), IsFinal: true, RetryAfter: null);

    public static AttemptResult Busy(TimeSpan? retryAfter = null) =>
        new(
            Sample.Attempt(CallbackOutcome.HttpError, System.Net.HttpStatusCode.ServiceUnavailable),
            IsFinal: false,
            retryAfter
        );

    public static AttemptResult Gone() =>
        new(Sample.Attempt(CallbackOutcome.HttpError, System.Net.HttpStatusCode.Gone), IsFinal: true, RetryAfter: null);

    public static async Task<AttemptResult> HangAsync(CancellationToken stopping)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, stopping);
        return default;
    }

    public Task<AttemptResult> AttemptAsync(ChargingRequest request, Decision decision, CancellationToken stopping)
    {
        _order.Enqueue(request.Id);
        return Answer(request, _attempts.AddOrUpdate(request.Id, 1, (_, made) => made + 1), stopping);
    }
}

/// <summary>A journal whose writes a test makes fail.</summary>
internal sealed class BreakableJournal(IRequestJournal journal) : IRequestJournal
{
    private int _refused;
    private volatile TaskCompletionSource _more = new();

    public bool IsAway { get; set; }

    /// <summary>The request that is in another node's lane; null for none.</summary>
    public RequestId? MovedId { get; set; }

    /// <summary>The request whose row cannot be read; null for none.</summary>
    public RequestId? DamagedId { get; set; }

    /// <summary>Number of requests of earlier processes that it says are left to read.</summary>
    public long Backlog { get; set; }

    /// <summary>Requests of earlier processes; read anew when it is set.</summary>
    public IReadOnlyList<UnsettledRequest> Unsettled
    {
        get;
        set
        {
            field = value;
            Interlocked.Exchange(ref _more, new()).TrySetResult();
        }
    } = [];

    /// <summary>Writes that were refused while away.</summary>
    public int Refused => Volatile.Read(ref _refused);

    public JournalStatus Status => journal.Status with { Backlog = Backlog };

    public IdempotencyHasher Hasher => journal.Hasher;

    public Task StartAsync(CancellationToken cancellationToken) => journal.StartAsync(cancellationToken);

    public IAsyncEnumerable<UnsettledRequest> ReadUnsettledAsync(CancellationToken cancellationToken) =>
        Unsettled.ToAsyncEnumerable();

    public Task WaitForBacklogAsync(CancellationToken cancellationToken) => _more.Task.WaitAsync(cancellationToken);

    public ValueTask<AcceptResult> AcceptAsync(
        ChargingRequest request,
        IdempotencyClaim? idempotency,
        CancellationToken cancellationToken
    )
    {
        Check();
        return journal.AcceptAsync(request, idempotency, cancellationToken);
    }

    public ValueTask<AcceptResult?> FindAcceptedAsync(IdempotencyClaim claim, CancellationToken cancellationToken)
    {
        Check();
        return journal.FindAcceptedAsync(claim, cancellationToken);
    }

    public ValueTask<Decision> DecideAsync(RequestId id, Decision decision, CancellationToken cancellationToken)
    {
        Check(id);
        return journal.DecideAsync(id, decision, cancellationToken);
    }

    public ValueTask RecordAttemptAsync(RequestId id, CallbackAttempt attempt, CancellationToken cancellationToken)
    {
        Check(id);
        return journal.RecordAttemptAsync(id, attempt, cancellationToken);
    }

    public ValueTask SettleAsync(RequestId id, Settlement settlement, CancellationToken cancellationToken)
    {
        Check(id);
        return journal.SettleAsync(id, settlement, cancellationToken);
    }

    public ValueTask<RequestRecord?> FindAsync(RequestId id, CancellationToken cancellationToken) =>
        id == DamagedId
            ? throw new DamagedRequestException(new(id, "scripted"), apiKeyName: null)
            : journal.FindAsync(id, cancellationToken);

    public ValueTask DisposeAsync() => journal.DisposeAsync();

    private void Check(RequestId id)
    {
        Check();
        if (id == MovedId)
            throw new RequestMovedException(id, isGone: false);
    }

    private void Check()
    {
        if (!IsAway)
            return;
        Interlocked.Increment(ref _refused);
        throw new JournalUnavailableException("scripted");
    }
}

/// <summary>
/// Notes the delays from 20 s on and runs what they are for a thousand times sooner; ten times sooner from 200 ms on.
/// </summary>
internal sealed class ImpatientScheduler(Config config, ILoggingAdapter log)
    : SchedulerBase(config, log),
        IDateTimeOffsetNowTimeProvider,
        IDisposable
{
    public const string Hocon =
        "akka.scheduler.implementation = \"AkkaCharging.Tests.Pipeline.ImpatientScheduler, AkkaCharging.Tests\"";

    private readonly HashedWheelTimerScheduler _wheel = new(config, log);
    private int _asked;

    public ConcurrentQueue<TimeSpan> LongDelays { get; } = new();

    /// <summary>Whether anybody asked for a timer, from which on there is no wait for the first.</summary>
    public bool WasAsked => Volatile.Read(ref _asked) > 0;

    public override TimeSpan MonotonicClock => _wheel.MonotonicClock;

    public override TimeSpan HighResMonotonicClock => _wheel.HighResMonotonicClock;

    protected override DateTimeOffset TimeNow => TimeProvider.System.GetUtcNow();

    private IScheduler Wheel => _wheel;

    public void Dispose() => _wheel.Dispose();

    protected override void InternalScheduleOnce(TimeSpan delay, Action action, ICancelable cancelable) =>
        Wheel.Advanced.ScheduleOnce(Shorten(delay), action, cancelable);

    protected override void InternalScheduleOnce(TimeSpan delay, IRunnable action, ICancelable cancelable) =>
        InternalScheduleOnce(delay, action.Run, cancelable);

    protected override void InternalScheduleTellOnce(
        TimeSpan delay,
        ICanTell receiver,
        object message,
        IActorRef sender,
        ICancelable cancelable
    ) => Wheel.ScheduleTellOnce(Shorten(delay), receiver, message, sender, cancelable);

    protected override void InternalScheduleTellRepeatedly(
        TimeSpan initialDelay,
        TimeSpan interval,
        ICanTell receiver,
        object message,
        IActorRef sender,
        ICancelable cancelable
    ) => Wheel.ScheduleTellRepeatedly(initialDelay, interval, receiver, message, sender, cancelable);

    protected override void InternalScheduleRepeatedly(
        TimeSpan initialDelay,
        TimeSpan interval,
        Action action,
        ICancelable cancelable
    ) => Wheel.Advanced.ScheduleRepeatedly(initialDelay, interval, action, cancelable);

    protected override void InternalScheduleRepeatedly(
        TimeSpan initialDelay,
        TimeSpan interval,
        IRunnable action,
        ICancelable cancelable
    ) => InternalScheduleRepeatedly(initialDelay, interval, action.Run, cancelable);

    private TimeSpan Shorten(TimeSpan delay)
    {
        Interlocked.Increment(ref _asked);
        if (delay >= TimeSpan.FromSeconds(20))
        {
            LongDelays.Enqueue(delay);
            return delay / 1_000;
        }

        return delay >= TimeSpan.FromMilliseconds(200) ? delay / 10 : delay;
    }
}
