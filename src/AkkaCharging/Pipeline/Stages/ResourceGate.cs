using AkkaCharging.AddressPolicy;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AkkaCharging.Pipeline.Stages;

/// <summary>The status of local shortages for callbacks, for health and metrics.</summary>
/// <param name="Lacking">The resource that connections recently failed for; null for none.</param>
/// <param name="Waiting">Number of deliveries that wait because of it.</param>
/// <param name="Failures">Number of connections that could not be opened since the start, by the exhausted
/// resource.</param>
internal sealed record ResourceStatus(LocalResource? Lacking, int Waiting, IReadOnlyDictionary<string, long> Failures);

/// <summary>
/// Holds deliveries that could not open a connection because the process is out of files, ports or memory.
/// </summary>
/// <remarks>
/// One delivery is released at a time, after 100 ms. Each one that fails again doubles the wait, up to 2 s; while none
/// does, the number released doubles with every 100 ms. An expired delivery is released at the next turn. A shortage is
/// over when no delivery waits and no connection failed because of it for 10 s, so each shortage is logged twice,
/// however many failures it causes. Shared by all lanes; thread-safe.
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
    private ITimer? _timer; // set during a shortage
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
    /// Waits until <paramref name="pending"/> may try again or is expired, or the lane stops; does not wait without a
    /// shortage.
    /// </summary>
    /// <param name="isAgain">Whether the delivery was released before and failed again.</param>
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
        "This process is out of {Resource}: callbacks that need a new connection wait, and may expire, without "
            + "using up an attempt. Raise its limits, or find out what uses them up"
    )]
    private partial void LogShort(string resource);

    [LoggerMessage(
        1008,
        LogLevel.Warning,
        "Callbacks can open connections again: {Failures} connections could not be opened in {Seconds} s"
    )]
    private partial void LogOver(long failures, double seconds);

    private readonly record struct Waiting(PendingRequest Pending, TaskCompletionSource Released);
}
