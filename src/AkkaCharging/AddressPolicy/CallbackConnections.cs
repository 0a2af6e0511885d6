using System.Collections.Concurrent;

namespace AkkaCharging.AddressPolicy;

/// <summary>
/// The open connections to receivers. When as many are open as may be, the one that is idle longest makes room for a
/// new one.
/// </summary>
/// <remarks>
/// .NET's handler keeps idle connections for each receiver apart and has no bound on their sum: one wildcard DNS record
/// would leave the process without files. Thread-safe.
/// </remarks>
/// <param name="max">Number of connections, at least that of attempts in flight: so one that is not needed can be
/// found.</param>
internal sealed class CallbackConnections(int max, TimeProvider time)
{
    private readonly ConcurrentDictionary<ExchangeStream, byte> _exchanges = new();
    private int _open;

    /// <summary>Number of sockets, including those that are being connected.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Counts a socket that is about to be connected.</summary>
    public void Begin()
    {
        if (Interlocked.Increment(ref _open) > max)
            _exchanges.Keys.Where(exchange => exchange.IsIdle).MinBy(exchange => exchange.AnsweredAt)?.Dispose();
    }

    /// <summary>Removes a socket that was closed.</summary>
    public void End() => Interlocked.Decrement(ref _open);

    /// <summary>Creates the stream on which requests and answers alternate.</summary>
    public ExchangeStream Exchange(Stream inner)
    {
        var exchange = new ExchangeStream(inner, time, closed => _exchanges.TryRemove(closed, out _));
        _exchanges.TryAdd(exchange, 0);
        return exchange;
    }
}
