using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace AkkaCharging.Tests.AddressPolicy;

/// <summary>A getaddrinfo whose silence is chosen: names in <c>silent.example.com</c> block their thread until <see cref="BreakSilence"/>.</summary>
internal sealed class BlockableLookup : IDisposable
{
    private readonly ManualResetEventSlim _silence = new();
    private readonly SemaphoreSlim _blocked = new(0);
    private readonly ConcurrentQueue<string> _asked = new();

    public IReadOnlyCollection<string> Asked => _asked;

    public ConcurrentBag<Thread> Threads { get; } = [];

    public IPAddress[] Answer { get; init; } = [IPAddress.Parse("93.184.216.34")];

    public static string Silent(int number) => $"n{number}.silent.example.com";

    public IPAddress[] Find(string host)
    {
        _asked.Enqueue(host);
        Threads.Add(Thread.CurrentThread);
        if (host.EndsWith("silent.example.com", StringComparison.OrdinalIgnoreCase) && !_silence.IsSet)
        {
            _blocked.Release();
            _silence.Wait();
        }

        return host switch
        {
            "none.example.com" => throw new SocketException((int)SocketError.HostNotFound),
            "again.example.com" => throw new SocketException((int)SocketError.TryAgain),
            "bug.example.com" => throw new InvalidOperationException("A bug of the resolver's."),
            "empty.example.com" => [],
            _ => Answer,
        };
    }

    /// <summary>Waits until one more look-up has blocked its thread.</summary>
    public async Task OneBlockedAsync() => Assert.True(await _blocked.WaitAsync(TimeSpan.FromSeconds(30)));

    public void BreakSilence() => _silence.Set();

    public void FallSilent() => _silence.Reset();

    public void Dispose() => BreakSilence();
}
