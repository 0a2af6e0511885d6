namespace AkkaCharging.Host.Connections;

/// <summary>
/// The places for open connections of a listener. When all places are taken, the connection that was idle longest makes
/// room for a new one.
/// </summary>
/// <param name="max">Number of places.</param>
internal sealed class ConnectionPlaces(int max, TimeProvider time)
{
    // The response to a request that has just ended may still be on its way.
    private static readonly TimeSpan IdleMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ClosingMax = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();

    // Both lists are ordered by the time at which a connection became idle. Connections without a complete request are
    // closed first, so that a flood of them displaces itself and not other callers.
    private readonly LinkedList<Place> _silent = new();
    private readonly LinkedList<Place> _idle = new();
    private int _open;
    private long _refused;
    private long _displaced;

    public int Max => max;

    public int Open => Volatile.Read(ref _open);

    /// <summary>Number of new connections that were closed at once, because every place was busy.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Number of idle connections that were closed for new ones.</summary>
    public long Displaced => Interlocked.Read(ref _displaced);

    /// <summary>Takes a place for a new connection; null when all are taken and none is idle.</summary>
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

    /// <summary>The place of a connection.</summary>
    internal sealed class Place(ConnectionPlaces places)
    {
        private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private LinkedListNode<Place>? _node;
        private int _requests; // of HTTP/2, several at a time
        private Action? _close;

        /// <summary>When the connection became idle.</summary>
        public long Since { get; private set; }

        public bool CanClose => _close is not null;

        public Task Left => _left.Task;

        /// <summary>Sets the action that closes the connection when its place is needed.</summary>
        public void ClosesBy(Action close)
        {
            lock (places._gate)
                _close = close;
        }

        /// <summary>Marks the connection as busy with one more request.</summary>
        public void Begin()
        {
            lock (places._gate)
            {
                _requests++;
                Leave();
            }
        }

        /// <summary>Marks the connection as idle after its last request.</summary>
        public void End()
        {
            lock (places._gate)
            {
                if (--_requests == 0 && !Left.IsCompleted)
                    WaitIn(places._idle, places.Now);
            }
        }

        /// <summary>Releases the place of a closed connection.</summary>
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
