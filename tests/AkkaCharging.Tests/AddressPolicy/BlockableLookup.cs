using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.AddressPolicy;

/// <summary>
/// A getaddrinfo whose silence is chosen: names that say <c>silent</c> block their thread until
/// <see cref="BreakSilence"/>.
/// </summary>
internal sealed class BlockableLookup : IDisposable
{
    private readonly ManualResetEventSlim _silence = new();
    private readonly SemaphoreSlim _blocked = new(0);
    private readonly ConcurrentQueue<string> _asked = new();

    public IReadOnlyCollection<string> Asked => _asked;

    public ConcurrentBag<Thread> Threads { get; } = [];

    /// <summary>A name that is known no more; null for none.</summary>
    public string? Removed { get; set; }

    public IPAddress[] Answer { get; init; } = [IPAddress.Parse("93.184.216.34")];

    /// <summary>A silent name in a zone of its own.</summary>
    public static string Silent(int number) => $"hooks.silent{number}.com";

    /// <summary>One of many silent names in the same zone.</summary>
    public static string SilentNeighbour(int number) => $"n{number}.silent.net";

    public IPAddress[] Find(string host)
    {
        _asked.Enqueue(host);
        Threads.Add(Thread.CurrentThread);
        if (host.Contains("silent", StringComparison.OrdinalIgnoreCase) && !_silence.IsSet)
        {
            _blocked.Release();
            _silence.Wait();
        }

        return host switch
        {
            _ when string.Equals(host, Removed, StringComparison.Ordinal) => [],
            "none.example.com" => throw new SocketException((int)SocketError.HostNotFound),
            "again.example.com" => throw new SocketException((int)SocketError.TryAgain),
            "bug.example.com" => throw new InvalidOperationException("A bug of the resolver's."),
            "empty.example.com" => [],
            _ => Answer,
        };
    }

    /// <summary>Waits until one more look-up has blocked its thread.</summary>
    public async Task OneBlockedAsync() => Assert.True(await _blocked.WaitAsync(Eventually.Patience));

    public void BreakSilence() => _silence.Set();

    public void FallSilent() => _silence.Reset();

    public void Dispose() => BreakSilence();
}
