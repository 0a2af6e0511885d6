using System.Net;

namespace AkkaCharging.Host.Http;

/// <summary>
/// Slows down guessing of API keys or operators' tokens on one listener: an address that has sent too many wrong keys
/// has to wait before another one is checked, even a correct one. Other addresses are not affected.
/// </summary>
/// <remarks>
/// Concurrent requests are checked against the same budget, so that an address can exceed it by the number of
/// processors.
/// </remarks>
/// <param name="perSecond">Number of wrong keys per second of one address; zero for no limit.</param>
internal sealed partial class WrongKeys(string listener, double perSecond, TimeProvider time, ILogger<WrongKeys> logger)
{
    /// <summary>
    /// Number of wrong keys that an address may send at once after a pause, unless the limit per second is higher.
    /// </summary>
    public const int BurstMin = 10;

    private readonly double _burst = Math.Max(BurstMin, perSecond);
    private readonly AddressTable<Budget> _budgets = new();
    private readonly OnceAMinute _lines = new(time);
    private long _wrong;
    private long _delayed;

    /// <summary>The name of the listener in metrics.</summary>
    public string Listener => listener;

    /// <summary>Number of requests rejected because their key was wrong.</summary>
    public long Wrong => Interlocked.Read(ref _wrong);

    /// <summary>Number of requests rejected before their key was checked.</summary>
    public long Delayed => Interlocked.Read(ref _delayed);

    /// <summary>
    /// Checks whether a key from <paramref name="address"/> may be checked, and counts the rejection if not.
    /// </summary>
    /// <returns>How long the address has to wait; null when the key may be checked.</returns>
    public TimeSpan? WaitOf(IPAddress? address)
    {
        if (perSecond <= 0 || address is null || _budgets.Find(address)?.WaitAt(time.GetTimestamp()) is not { } wait)
            return null;
        Interlocked.Increment(ref _delayed);
        if (_lines.TryTake(out _)) // an attack from many addresses must not fill the log
            LogDelayed(address, listener, Wrong, Delayed);
        return wait;
    }

    /// <summary>Subtracts a wrong key from the budget of <paramref name="address"/>.</summary>
    public void Add(IPAddress? address)
    {
        Interlocked.Increment(ref _wrong);
        if (perSecond > 0 && address is not null)
            _budgets
                .GetOrAdd(address, () => new Budget(perSecond, _burst, time.TimestampFrequency))
                .Take(time.GetTimestamp());
    }

    [LoggerMessage(
        1303,
        LogLevel.Warning,
        "{Remote} sent too many wrong keys to the {Listener} listener and has to wait; in total {Wrong} keys were "
            + "wrong and {Delayed} were not checked"
    )]
    private partial void LogDelayed(IPAddress remote, string listener, long wrong, long delayed);

    /// <summary>A token bucket that can be checked without taking a token.</summary>
    private sealed class Budget(double perSecond, double burst, long frequency)
    {
        private readonly Lock _gate = new();
        private double _spent;
        private long _since;

        public TimeSpan? WaitAt(long now)
        {
            lock (_gate)
            {
                var left = burst - SpentAt(now);
                return left >= 1 ? null : TimeSpan.FromSeconds((1 - left) / perSecond);
            }
        }

        public void Take(long now)
        {
            lock (_gate)
                (_spent, _since) = (Math.Min(burst, SpentAt(now) + 1), now);
        }

        private double SpentAt(long now) => Math.Max(0, _spent - ((double)(now - _since) / frequency * perSecond));
    }
}

/// <summary>The wrong keys of both listeners.</summary>
internal sealed record ListenerWrongKeys(WrongKeys Callers, WrongKeys Operators)
{
    /// <summary>The wrong keys of each listener.</summary>
    public IReadOnlyList<WrongKeys> All => [Callers, Operators];
}
