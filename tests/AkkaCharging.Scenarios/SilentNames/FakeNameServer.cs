using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AkkaCharging.Scenarios.SilentNames;

/// <summary>
/// A name server on a loopback address: it answers names below <see cref="AnsweredZone"/> with 127.0.0.1, and never
/// answers queries for others.
/// </summary>
/// <remarks>
/// With a search list every name below that is answered so too, and all other names do not exist. A process asks it
/// when it is started by <see cref="Launcher"/>, in a mount namespace of its own in which /etc/resolv.conf names this
/// server alone. The namespace ends with the process; the machine's files are not touched, and no query leaves the
/// machine.
/// </remarks>
internal sealed class FakeNameServer : IAsyncDisposable
{
    public const string AnsweredZone = "answered-names.net";
    private const string Address = "127.53.53.53";
    private readonly UdpClient _socket;
    private readonly string _resolverSettings = Path.GetTempFileName();
    private readonly string _hosts = Path.GetTempFileName();
    private readonly string? _search;
    private readonly ConcurrentDictionary<string, bool> _asked = new(StringComparer.OrdinalIgnoreCase);
    private readonly Task _serving;
    private int _ignored;

    private FakeNameServer(UdpClient socket, string? search, string hosts)
    {
        (_socket, _search) = (socket, search);
        File.WriteAllText(
            _resolverSettings,
            $"nameserver {Address}\n" + (search is null ? "" : $"search {search}\noptions ndots:5\n")
        );
        File.WriteAllText(_hosts, $"127.0.0.1 localhost\n{hosts}");
        _serving = ServeAsync();
    }

    /// <summary>Queries that got no answer.</summary>
    public int Ignored => Volatile.Read(ref _ignored);

    /// <summary>Every name that was asked for, answered or not.</summary>
    public IEnumerable<string> Asked => _asked.Keys.Order(StringComparer.Ordinal);

    /// <summary>
    /// What a process is started by so that it asks this server: takes the program and its arguments.
    /// </summary>
    public IReadOnlyList<string> Launcher =>
        [
            "unshare",
            "--mount",
            "sh",
            "-c",
            "mount --bind \"$0\" /etc/resolv.conf && mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"",
            _resolverSettings,
            _hosts,
        ];

    /// <param name="search">A domain that the process's resolver completes names with of fewer than 5 dots.</param>
    /// <param name="hosts">Lines of its hosts file.</param>
    /// <returns>Null where the port of name servers or mount namespaces are not permitted, as for users who are not
    /// root.</returns>
    public static async Task<FakeNameServer?> TryStartAsync(string? search = null, string hosts = "")
    {
        if (!OperatingSystem.IsLinux())
            return null;
        try
        {
            var server = new FakeNameServer(new UdpClient(new IPEndPoint(IPAddress.Parse(Address), 53)), search, hosts);
            if (await server.CanLaunchAsync())
                return server;
            await server.DisposeAsync();
            return null;
        }
        catch (SocketException)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        await _serving;
        File.Delete(_resolverSettings);
        File.Delete(_hosts);
    }

    private async Task<bool> CanLaunchAsync()
    {
        try
        {
            using var trial = Process.Start(
                new ProcessStartInfo(Launcher[0], [.. Launcher.Skip(1), "true"])
                {
                    UseShellExecute = false,
                    RedirectStandardError = true,
                }
            )!;
            await trial.WaitForExitAsync();
            return trial.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false; // no such program
        }
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var query = await _socket.ReceiveAsync();
                if (Answer(query.Buffer) is { } answer)
                    await _socket.SendAsync(answer, query.RemoteEndPoint);
                else
                    Interlocked.Increment(ref _ignored);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    /// <summary>RFC 1035, section 4: a head of 12 bytes, then the name in labels, its type and its class.</summary>
    private byte[]? Answer(byte[] query)
    {
        var labels = new List<string>();
        var at = 12;
        for (; query[at] != 0; at += query[at] + 1)
            labels.Add(Encoding.ASCII.GetString(query, at + 1, query[at]));
        var name = string.Join('.', labels);
        _asked.TryAdd(name, true);
        var exists = IsBelow(AnsweredZone) || (_search is { } suffix && IsBelow(suffix));
        if (!exists && _search is null)
            return null;

        const byte NameError = 3;
        var question = query[12..(at + 5)];
        var hasAddress = exists && BinaryPrimitives.ReadUInt16BigEndian(query.AsSpan(at + 1)) == 1;
        return
        [
            query[0],
            query[1],
            0x81,
            (byte)(0x80 | (exists ? 0 : NameError)),
            0,
            1,
            0,
            (byte)(hasAddress ? 1 : 0),
            0,
            0,
            0,
            0,
            .. question,
            .. hasAddress ? (byte[])[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1] : [],
        ];

        bool IsBelow(string zone) => name.EndsWith(zone, StringComparison.OrdinalIgnoreCase);
    }
}
