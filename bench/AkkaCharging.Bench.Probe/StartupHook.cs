using System.Globalization;
using System.Net.Sockets;
using System.Runtime;

/// <summary>
/// Tells the harness about a process's heap from inside, whatever program it is: loaded by <c>DOTNET_STARTUP_HOOKS</c>,
/// asked over the Unix socket <c>AKKACHARGING_BENCH_PROBE</c>. A byte <c>s</c> asks for the figures, <c>c</c> for a
/// full compacting collection first.
/// </summary>
/// <remarks>
/// Answers with one line: allocated bytes, heap bytes, collections of the generations 0, 1, 2, milliseconds of pauses.
/// </remarks>
#pragma warning disable MA0047 // The runtime looks for it outside any namespace.
internal static class StartupHook
#pragma warning restore MA0047
{
    private const string SocketVariable = "AKKACHARGING_BENCH_PROBE";

    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(SocketVariable) is { Length: > 0 } path)
            new Thread(() => Serve(path)) { IsBackground = true, Name = "bench-probe" }.Start();
    }

    private static void Serve(string path)
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(1);
        var asked = new byte[1];
        while (true)
        {
            using var connection = listener.Accept();
            if (connection.Receive(asked) == 0)
                continue;
            if (asked[0] == 'c')
            {
                GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            }

            var figures = string.Join(
                ' ',
                GC.GetTotalAllocatedBytes(),
                GC.GetTotalMemory(forceFullCollection: false),
                GC.CollectionCount(0),
                GC.CollectionCount(1),
                GC.CollectionCount(2),
                GC.GetTotalPauseDuration().TotalMilliseconds.ToString(CultureInfo.InvariantCulture)
            );
            connection.Send(System.Text.Encoding.ASCII.GetBytes(figures));
        }
    }
}
