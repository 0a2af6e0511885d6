using AkkaCharging.AddressPolicy;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AkkaCharging.Pipeline.Stages;

/// <summary>What health and metrics show of a lack of files, ports or memory for callbacks.</summary>
/// <param name="Lacking">What connections lately failed for; null when nothing is lacking.</param>
/// <param name="Waiting">Deliveries that wait because of it.</param>
/// <param name="Failures">Connections that could not be opened, by what was lacking, since the start.</param>
internal sealed record ResourceStatus(LocalResource? Lacking, int Waiting, IReadOnlyDictionary<string, long> Failures);

/// <summary>
/// Where deliveries wait that could not open a connection for lack of the process's own files, ports or memory.
/// </summary>
/// <remarks>
/// One is let go at a time, after 100 ms; each that comes back doubles the wait, up to 2 s; as long as none comes back,
/// twice as many go each 100 ms. A delivery that expired is let go at the next turn. A shortage is over when nobody
/// waits and no connection failed for it within 10 s: so it is logged twice, however often it is met. Over all lanes;
/// its methods may be called from any thread.
/// </remarks>
internal sealed partial class ResourceGate : IDisposable
{
    internal static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(100);
    internal static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(2);
    internal static readonly TimeSpan OverAfter = TimeSpan.FromSeconds(10);

    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly Queue<Waiting> _line = new();
    private readonly long[] _failures = new long[Enum.GetValues<LocalResource>().Length];
    private ITimer? _timer; // there while something is lacking
    private LocalResource? _lacking;
    private long _since;
    private long _lastFailedAt;
    private long _failuresBefore;
    private TimeSpan _wait = ShortestWait;
    private int _letGo;
    private bool _cameBack;

    public ResourceGate(TimeProvider time, ILogger<ResourceGate>? logger = null) =>
        (_time, _logger) = (time, logger ?? NullLogger<ResourceGate>.Instance);

    public ResourceStatus Status
    {
        get
        {
            lock (_gate)
                return new(
                    _lacking,
                    _line.Count,
                    Enum.GetValues<LocalResource>()
                        .ToDictionary(LocalResources.Name, resource => _failures[(int)resource], StringComparer.Ordinal)
                );
        }
    }

    /// <summary>Counts a connection that could not be opened.</summary>
    public void Report(LocalResource resource)
    {
        lock (_gate)
        {
            _lastFailedAt = _time.GetTimestamp();
            var isNew = _lacking is null;
            _lacking = resource;
            if (isNew)
            {
                (_since, _failuresBefore) = (_lastFailedAt, _failures.Sum());
                (_wait, _letGo, _cameBack) = (ShortestWait, 0, false);
                _timer = _time.CreateTimer(_ => TakeTurn(), state: null, _wait, Timeout.InfiniteTimeSpan);
                LogShort(resource.Name());
            }

            _failures[(int)resource]++;
        }
    }

    /// <summary>
    /// Waits until <paramref name="pending"/> may try again, is expired, or the lane stops; not at all when nothing is
    /// lacking any more.
    /// </summary>
    /// <param name="isAgain">Whether it was let go before and failed again.</param>
    public async Task WaitAsync(PendingRequest pending, bool isAgain, CancellationToken stopping)
    {
        var waiting = new Waiting(
            pending,
            new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
        );
        lock (_gate)
        {
            _cameBack |= isAgain;
            if (_lacking is null || stopping.IsCancellationRequested)
                return;
            _line.Enqueue(waiting);
        }

        await using var registration = stopping.UnsafeRegister(
            static released => ((TaskCompletionSource)released!).TrySetResult(),
            waiting.Released
        );
        await waiting.Released.Task;
    }

    public void Dispose()
    {
        lock (_gate)
            _timer?.Dispose();
    }

    private void TakeTurn()
    {
        lock (_gate)
        {
            _wait =
                !_cameBack ? ShortestWait
                : _wait * 2 < LongestWait ? _wait * 2
                : LongestWait;
            var most = _letGo > 0 && !_cameBack ? Math.Min(_letGo * 2, int.MaxValue / 4) : 1;
            (_letGo, _cameBack) = (0, false);
            for (var left = _line.Count; left > 0; left--)
            {
                var waiting = _line.Dequeue();
                if (waiting.Released.Task.IsCompleted)
                    continue; // its lane stopped
                if (waiting.Pending.IsExpired(_time))
                    waiting.Released.TrySetResult();
                else if (_letGo < most && waiting.Released.TrySetResult())
                    _letGo++;
                else
                    _line.Enqueue(waiting);
            }

            if (_line.Count > 0 || _time.GetElapsedTime(_lastFailedAt) < OverAfter)
            {
                _timer!.Change(_wait, Timeout.InfiniteTimeSpan);
                return;
            }

            LogOver(_failures.Sum() - _failuresBefore, _time.GetElapsedTime(_since).TotalSeconds);
            _lacking = null;
            _timer!.Dispose();
        }
    }

    [LoggerMessage(
        1007,
        LogLevel.Error,
        "This process is out of {Resource}: callbacks that need a new connection wait and go on to age, without "
            + "using up an attempt. Raise its limits, or look for what holds them"
    )]
    private partial void LogShort(string resource);

    [LoggerMessage(
        1008,
        LogLevel.Warning,
        "Callbacks can open connections again: {Failures} could not be opened within {Seconds} s"
    )]
    private partial void LogOver(long failures, double seconds);

    private readonly record struct Waiting(PendingRequest Pending, TaskCompletionSource Released);
}
