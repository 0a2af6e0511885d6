namespace AkkaCharging.Host.Connections;

/// <summary>
/// The connections that a listener may have open at a time. When all places are taken, the one that is idle longest
/// makes room for a new one.
/// </summary>
/// <param name="max">How many there are.</param>
internal sealed class ConnectionPlaces(int max, TimeProvider time)
{
    // The answer of a request that has just ended may still be on its way.
    private static readonly TimeSpan IdleMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ClosingMax = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();

    // Both in the order of becoming idle. Those that have not sent one whole request go first: a flood of them pushes
    // out itself, and not the callers.
    private readonly LinkedList<Place> _silent = new();
    private readonly LinkedList<Place> _idle = new();
    private int _open;
    private long _refused;
    private long _displaced;

    public int Max => max;

    public int Open => Volatile.Read(ref _open);

    /// <summary>New connections that were closed at once, because every place was busy.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Idle connections that were closed for new ones.</summary>
    public long Displaced => Interlocked.Read(ref _displaced);

    /// <summary>A place for a new connection; null when all are taken and none of them is idle.</summary>
    public async ValueTask<Place?> TakeAsync()
    {
        while (true)
        {
            Place leaving;
            lock (_gate)
            {
                if (_open < max)
                {
                    _open++;
                    var place = new Place(this);
                    place.WaitIn(_silent, time.GetTimestamp());
                    return place;
                }

                if (LongestIdle() is not { } idle)
                {
                    _refused++;
                    return null;
                }

                idle.Leave();
                _displaced++;
                leaving = idle;
            }

            leaving.Close();
            try
            {
                await leaving.Left.WaitAsync(ClosingMax, time);
            }
            catch (TimeoutException)
            {
                Interlocked.Increment(ref _refused);
                return null;
            }
        }
    }

    private long Now => time.GetTimestamp();

    private Place? LongestIdle()
    {
        if (_silent.First is { Value.CanClose: true } silent)
            return silent.Value;
        return _idle.First is { Value: { CanClose: true } idle } && time.GetElapsedTime(idle.Since) >= IdleMin
            ? idle
            : null;
    }

    /// <summary>One connection's place.</summary>
    internal sealed class Place(ConnectionPlaces places)
    {
        private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private LinkedListNode<Place>? _node;
        private Action? _close;

        /// <summary>When it became idle.</summary>
        public long Since { get; private set; }

        public bool CanClose => _close is not null;

        public Task Left => _left.Task;

        /// <summary>From now on <paramref name="close"/> ends the connection when its place is needed.</summary>
        public void ClosesBy(Action close)
        {
            lock (places._gate)
                _close = close;
        }

        /// <summary>A request has come: the connection is not idle.</summary>
        public void Begin()
        {
            lock (places._gate)
                Leave();
        }

        /// <summary>The request was answered.</summary>
        public void End()
        {
            lock (places._gate)
            {
                if (!Left.IsCompleted)
                    WaitIn(places._idle, places.Now);
            }
        }

        /// <summary>The connection is closed.</summary>
        public void Free()
        {
            lock (places._gate)
            {
                if (!_left.TrySetResult())
                    return;
                Leave();
                places._open--;
            }
        }

        public void Close() => _close!();

        internal void WaitIn(LinkedList<Place> list, long now)
        {
            Leave();
            Since = now;
            _node = list.AddLast(this);
        }

        internal void Leave()
        {
            _node?.List!.Remove(_node);
            _node = null;
        }
    }
}
