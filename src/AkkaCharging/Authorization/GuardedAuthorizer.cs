using System.Runtime.InteropServices;
using Akka.Actor;
using Akka.Pattern;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Timing;
using Polly;
using Polly.Retry;

namespace AkkaCharging.Authorization;

/// <summary>
/// Calls an authorizer with a time-out, retries and a circuit breaker. The result is a decision, even if the authorizer
/// fails, unless the request expires before anybody was asked.
/// </summary>
/// <remarks>
/// Errors: a late answer becomes <see cref="DecisionReason.Timeout"/>, or <see cref="DecisionReason.Deadline"/> when
/// the caller's own deadline came first; an open breaker becomes <see cref="DecisionReason.CircuitOpen"/>; any
/// exception of the authorizer becomes <see cref="DecisionReason.AuthorizerError"/>. Only the caller's own cancellation
/// is thrown. A late answer is discarded and its call's token cancelled, whether or not the authorizer heeds it. An
/// authorizer that blocks before its first await blocks its caller: the port is asynchronous, and moving every call to
/// the thread pool would cost the access list, which answers at once, more than its look-up. Breaker: failures and
/// time-outs of whole calls count; a "no" is a success. A call that its caller gave up is neither, and so is silence
/// until a deadline that left the call less than half of its usual time. The probe of a half-open breaker is one call
/// without retries; if it is neither, the next call is the probe.
/// </remarks>
internal sealed class GuardedAuthorizer
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RetryDelayMax = TimeSpan.FromSeconds(5);

    private readonly IAuthorizer _authorizer;
    private readonly TimeSpan _timeout;
    private readonly TimeSpan _enough; // with less time left, a time-out is not the authorizer's failure
    private readonly TimeProvider _time;
    private readonly Action<RequestId, Exception>? _onError;
    private readonly CircuitBreaker? _breaker;
    private readonly ResiliencePipeline<Outcome> _retry;
    private readonly SemaphoreSlim _turns; // shared by all lanes
    private readonly long[] _answers = new long[Enum.GetValues<DecisionReason>().Length];
    private int _inFlight;
    private bool _isProbing;

    /// <param name="parallelism">Maximum number of concurrent calls; null for <c>authorization.parallelism</c>.</param>
    /// <param name="onTransition">Notified of each new state on a pool thread, in no guaranteed order; must not
    /// throw.</param>
    /// <param name="onError">Notified of each failed attempt, with the request's id and the exception, for the log;
    /// must not throw.</param>
    public GuardedAuthorizer(
        IAuthorizer authorizer,
        AuthorizationSettings settings,
        IScheduler scheduler,
        TimeProvider time,
        Action<BreakerState>? onTransition = null,
        Action<RequestId, Exception>? onError = null,
        int? parallelism = null
    )
    {
        ArgumentNullException.ThrowIfNull(authorizer);
        _authorizer = authorizer;
        _timeout = settings.Timeout;
        _enough = (settings.AnswerWithin is { } limit && limit < _timeout ? limit : _timeout) / 2;
        _time = time;
        _onError = onError;
        _retry = CreateRetry(settings.MaxRetries, time);
        _turns = new(parallelism ?? settings.Parallelism);
        if (settings.CircuitBreaker.Enabled)
            _breaker = CreateBreaker(settings.CircuitBreaker, scheduler, onTransition ?? (_ => { }));
    }

    /// <summary>The breaker's state; closed when the breaker is switched off.</summary>
    public BreakerState State =>
        _breaker switch
        {
            { IsOpen: true } => BreakerState.Open,
            { IsHalfOpen: true } => BreakerState.HalfOpen,
            _ => BreakerState.Closed,
        };

    /// <summary>Decisions since the start, by reason.</summary>
    public IEnumerable<(DecisionReason Reason, long Count)> Answers =>
        _answers.Select((_, reason) => ((DecisionReason)reason, Interlocked.Read(ref _answers[reason])));

    /// <summary>Number of calls in progress.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Decides <paramref name="query"/>, within <c>authorization.timeoutMillis</c>.</summary>
    /// <param name="deadline">Timestamp at which the request is decided without an answer; <see cref="long.MaxValue"/>
    /// for none.</param>
    /// <param name="startBy">Timestamp after which nothing is asked, because the request has expired;
    /// <see cref="long.MaxValue"/> for none.</param>
    /// <param name="shutdown">The caller's token: ends the call without a decision, and the breaker does not count
    /// it.</param>
    /// <param name="start">Told when the call takes its turn; null if nobody needs to know.</param>
    /// <returns>Null when the request expired before its turn: nobody was asked, and no answer is counted. At a
    /// <paramref name="deadline"/> that is not later than <paramref name="startBy"/> there is a decision.</returns>
    /// <exception cref="OperationCanceledException"><paramref name="shutdown"/> was cancelled.</exception>
    public async Task<Decision?> DecideAsync(
        AuthorizationQuery query,
        long deadline,
        long startBy,
        CancellationToken shutdown,
        CallStart? start = null
    )
    {
        shutdown.ThrowIfCancellationRequested();
        if (State == BreakerState.Open) // calls in progress may still hold all turns
            return Decide(Outcome.Failed(DecisionReason.CircuitOpen));
        var latest = Math.Min(startBy, deadline);
        if (!_turns.Wait(TimeSpan.Zero, CancellationToken.None) && !await TakeTurnAsync(latest, shutdown))
            return Decide(TooLate(deadline, startBy));
        Interlocked.Increment(ref _inFlight);
        start?.Mark(_time.GetTimestamp());
        try
        {
            var outcome = await AskAsync(query, deadline, startBy, shutdown);
            return outcome.IsGivenUp ? throw new OperationCanceledException(shutdown) : Decide(outcome);
        }
        finally
        {
            Interlocked.Decrement(ref _inFlight);
            _turns.Release();
        }
    }

    /// <returns>False when <paramref name="latest"/> passed first.</returns>
    private async Task<bool> TakeTurnAsync(long latest, CancellationToken shutdown)
    {
        if (latest == long.MaxValue)
        {
            await _turns.WaitAsync(shutdown);
            return true;
        }

        // A timer may end early by a fraction of a millisecond; who gets false relies on it that the time has passed.
        for (var left = Left(latest); left > TimeSpan.Zero; left = Left(latest))
        {
            using var late = new CancellationTokenSource(left.UpToMilliseconds(), _time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, shutdown);
            try
            {
                await _turns.WaitAsync(either.Token);
                return true;
            }
            catch (OperationCanceledException) when (!shutdown.IsCancellationRequested) { }
        }

        return false;
    }

    private ValueTask<Outcome> AskAsync(
        AuthorizationQuery query,
        long deadline,
        long startBy,
        CancellationToken shutdown
    )
    {
        var state = State;
        if (state == BreakerState.Open)
            return new(Outcome.Failed(DecisionReason.CircuitOpen));
        var left = Left(deadline); // read once: the call must not begin with a negative limit
        if (left <= TimeSpan.Zero || Left(startBy) <= TimeSpan.Zero)
            return new(TooLate(deadline, startBy));

        var call = new Call(this, query, left);
        if (state == BreakerState.HalfOpen)
            return new(ProbeAsync(call, shutdown));
        if (call.TryAnswerAtOnce(out var answer))
        {
            Judge(answer, state);
            return new(answer);
        }

        if (State == BreakerState.Open) // opened while the call started
        {
            call.Abandon();
            return new(Outcome.Failed(DecisionReason.CircuitOpen));
        }

        return new(AskAndJudgeAsync(call, _retry, state, shutdown));
    }

    private TimeSpan Left(long deadline) => deadline == long.MaxValue ? TimeSpan.MaxValue : _time.Until(deadline);

    private static Outcome TooLate(long deadline, long startBy) =>
        startBy < deadline ? Outcome.Expired : Outcome.Failed(DecisionReason.Deadline);

    private Decision? Decide(Outcome outcome)
    {
        if (outcome.IsExpired)
            return null;
        var answer = outcome.Answer;
        Interlocked.Increment(ref _answers[(int)(outcome.Failure ?? answer.Reason)]);
        return outcome.Failure is { } reason
            ? new Decision(AuthorizationStatus.Unknown, reason, _time.GetUtcNow())
            : new Decision(answer.Status, answer.Reason, _time.GetUtcNow(), answer.Details);
    }

    /// <summary>Makes the only call that a half-open breaker lets through.</summary>
    private async Task<Outcome> ProbeAsync(Call call, CancellationToken shutdown)
    {
        if (Interlocked.Exchange(ref _isProbing, true))
            return Outcome.Failed(DecisionReason.CircuitOpen);
        try
        {
            return State == BreakerState.HalfOpen // the previous probe may have ended meanwhile
                ? await AskAndJudgeAsync(call, ResiliencePipeline<Outcome>.Empty, BreakerState.HalfOpen, shutdown)
                : Outcome.Failed(DecisionReason.CircuitOpen);
        }
        finally
        {
            Volatile.Write(ref _isProbing, false);
        }
    }

    private async Task<Outcome> AskAndJudgeAsync(
        Call call,
        ResiliencePipeline<Outcome> retry,
        BreakerState state,
        CancellationToken shutdown
    )
    {
        var outcome = await AskAsync(call, retry, shutdown);
        Judge(outcome, state);
        return outcome;
    }

    /// <summary>Counts the outcome of a call that began in <paramref name="state"/>.</summary>
    /// <remarks>
    /// Akka's <c>WithCircuitBreaker</c> would count as a success what does not throw: also a call that its caller gave
    /// up, which tells nothing about the authorizer.
    /// </remarks>
    private void Judge(Outcome outcome, BreakerState state)
    {
        // An outcome from before the breaker opened tells nothing about the authorizer after it.
        if (_breaker is null || State != state)
            return;
        switch (outcome.Verdict)
        {
            case Verdict.Failure:
                _breaker.Fail();
                break;
            case Verdict.Success when state == BreakerState.HalfOpen || _breaker.CurrentFailureCount > 0:
                _breaker.Succeed();
                break;
        }
    }

    private async Task<Outcome> AskAsync(Call call, ResiliencePipeline<Outcome> retry, CancellationToken shutdown)
    {
        try
        {
            return await call.RunAsync(retry).WaitAsync(call.Limit, _time, shutdown);
        }
        catch (TimeoutException) // Thrown by WaitAsync, like the next one; the call itself always ends in an outcome.
        {
            call.Abandon();
            return Outcome.Failed(
                call.Limit < _timeout ? DecisionReason.Deadline : DecisionReason.Timeout,
                verdict: call.Limit < _enough ? Verdict.None : Verdict.Failure
            );
        }
        catch (OperationCanceledException)
        {
            call.Abandon();
            return Outcome.GivenUp;
        }
    }

    private async ValueTask<Outcome> AttemptAsync(AuthorizationQuery query, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await _authorizer.AuthorizeAsync(query, cancellationToken);
            return answer.Failure is { } failure ? NoAnswer(failure) : new Outcome(answer);
        }
#pragma warning disable CA1031 // The port's contract: every exception of an authorizer means that there is no answer.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return NoAnswer(e);
        }

        Outcome NoAnswer(Exception cause)
        {
            if (!cancellationToken.IsCancellationRequested)
                _onError?.Invoke(query.RequestId, cause);
            return cause is AuthorizerUnavailableException known
                ? Outcome.Failed(
                    known.IsTimeout ? DecisionReason.Timeout : DecisionReason.AuthorizerError,
                    known.IsTransient,
                    known.IsFault ? Verdict.Failure : Verdict.Success
                )
                : Outcome.Failed(DecisionReason.AuthorizerError);
        }
    }

    private static ResiliencePipeline<Outcome> CreateRetry(int maxRetries, TimeProvider time) =>
        maxRetries == 0
            ? ResiliencePipeline<Outcome>.Empty
            : new ResiliencePipelineBuilder<Outcome> { TimeProvider = time }
                .AddRetry(
                    new RetryStrategyOptions<Outcome>
                    {
                        MaxRetryAttempts = maxRetries,
                        BackoffType = DelayBackoffType.Exponential,
                        UseJitter = true,
                        Delay = RetryDelay,
                        MaxDelay = RetryDelayMax,
                        ShouldHandle = attempt => ValueTask.FromResult(attempt.Outcome.Result.IsTransient),
                    }
                )
                .Build();

    private static CircuitBreaker CreateBreaker(
        CircuitBreakerSettings settings,
        IScheduler scheduler,
        Action<BreakerState> onTransition
    )
    {
        // AskAsync applies the time-out on our own clock, so that it holds with and without the breaker.
        var callTimeout = Timeout.InfiniteTimeSpan;
        var breaker =
            settings.BackoffFactor > 1
                ? new CircuitBreaker(
                    scheduler,
                    settings.MaxFailures,
                    callTimeout,
                    settings.ResetTimeout,
                    settings.MaxResetTimeout,
                    settings.BackoffFactor
                )
                : new CircuitBreaker(scheduler, settings.MaxFailures, callTimeout, settings.ResetTimeout);
        return breaker
            .OnOpen(() => onTransition(BreakerState.Open))
            .OnHalfOpen(() => onTransition(BreakerState.HalfOpen))
            .OnClose(() => onTransition(BreakerState.Closed));
    }

    /// <summary>How the breaker counts an outcome.</summary>
    private enum Verdict
    {
        Success,
        Failure,

        /// <summary>The outcome tells nothing about the authorizer.</summary>
        None,
    }

    /// <summary>
    /// An answer, why there is none, that the caller has stopped waiting, or that the request expired unasked.
    /// </summary>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Outcome(
        AuthorizerAnswer Answer,
        DecisionReason? Failure = null,
        bool IsTransient = false,
        Verdict Verdict = Verdict.Success,
        bool IsGivenUp = false,
        bool IsExpired = false
    )
    {
        public static readonly Outcome GivenUp = new(default, Verdict: Verdict.None, IsGivenUp: true);

        public static readonly Outcome Expired = new(default, Verdict: Verdict.None, IsExpired: true);

        public static Outcome Failed(
            DecisionReason reason,
            bool isTransient = false,
            Verdict verdict = Verdict.Failure
        ) => new(default, reason, isTransient, verdict);
    }

    /// <summary>
    /// The attempts at one decision. The first attempt may have started before it was known whether its answer has to
    /// be awaited.
    /// </summary>
    // The token source has no timer and no link to release, and a late authorizer may still hold its token.
#pragma warning disable CA1001
    private sealed class Call(GuardedAuthorizer owner, AuthorizationQuery query, TimeSpan left)
#pragma warning restore CA1001
    {
        /// <summary>Maximum duration of the decision.</summary>
        public TimeSpan Limit { get; } = left < owner._timeout ? left : owner._timeout;

        private readonly CancellationTokenSource _abandoned = new();
        private ValueTask<Outcome>? _started;

        /// <summary>Starts the first attempt; true when it answered without waiting.</summary>
        public bool TryAnswerAtOnce(out Outcome outcome)
        {
            var attempt = owner.AttemptAsync(query, _abandoned.Token);
            outcome = default;
            if (attempt.IsCompletedSuccessfully)
            {
#pragma warning disable CA2012, MA0042 // Complete, and wrapped again where it is needed a second time.
                outcome = attempt.Result;
#pragma warning restore CA2012, MA0042
                attempt = new ValueTask<Outcome>(outcome);
            }

            _started = attempt;
            return attempt.IsCompleted && outcome.Failure is null;
        }

        public Task<Outcome> RunAsync(ResiliencePipeline<Outcome> retry) =>
            retry.ExecuteAsync(static (call, _) => call.NextAsync(), this, _abandoned.Token).AsTask();

        /// <summary>
        /// Cancels the running attempt on the thread pool, so that the authorizer's cancellation callbacks do not delay
        /// the decision.
        /// </summary>
        public void Abandon() => _ = _abandoned.CancelAsync();

        private ValueTask<Outcome> NextAsync()
        {
            var attempt = _started ?? owner.AttemptAsync(query, _abandoned.Token);
            _started = null;
            return attempt;
        }
    }
}
