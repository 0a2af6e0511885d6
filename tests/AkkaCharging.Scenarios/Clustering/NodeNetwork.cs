using System.Runtime.ExceptionServices;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.Clustering;

/// <summary>
/// A network between nodes, each in a namespace of its own: from this any one can be cut off, with nothing closed and
/// nothing refused.
/// </summary>
/// <remarks>
/// What is not between nodes goes another way: each namespace has this machine's ports on its loopback, and clients
/// come in by a port of this one.
/// </remarks>
internal sealed class NodeNetwork : IAsyncDisposable
{
    private const string Bridge = "mesh";
    private static int _made;

    private readonly NetworkNamespace _middle;
    private readonly List<NetworkNamespace> _nodes = [];
    private readonly Dictionary<(int Node, int Port), TcpProxy> _out = [];
    private readonly List<TcpProxy> _in = [];

    public NodeNetwork(int nodes)
    {
        var prefix = $"akc{Environment.ProcessId}-{Interlocked.Increment(ref _made)}";
        _middle = new(prefix);
        try
        {
            _middle.IpInside("link", "add", Bridge, "type", "bridge");
            _middle.IpInside("link", "set", Bridge, "up");
            for (var number = 0; number < nodes; number++)
            {
                _nodes.Add(new($"{prefix}-{number}"));
                _middle.IpInside(
                    "link",
                    "add",
                    Plug(number),
                    "type",
                    "veth",
                    "peer",
                    "name",
                    Bridge,
                    "netns",
                    _nodes[number].Name
                );
                _middle.IpInside("link", "set", Plug(number), "master", Bridge, "up");
                _nodes[number].IpInside("address", "add", $"{Address(number)}/24", "dev", Bridge);
                _nodes[number].IpInside("link", "set", Bridge, "up");
            }
        }
        catch
        {
            DeleteNamespaces(); // nobody gets an object to dispose of
            throw;
        }
    }

    /// <summary>Where the others reach a node.</summary>
    public static string Address(int number) => $"10.77.0.{number + 1}";

    /// <summary>What starts a program on a node.</summary>
    public IReadOnlyList<string> Launcher(int number) => _nodes[number].Launcher;

    /// <summary>Gives a node a port of this machine's loopback, at the same number.</summary>
    public void LetOut(int number, int port) => _out.Add((number, port), TcpProxy.OutOf(_nodes[number], port));

    /// <summary>A port of this machine's loopback that leads to one of a node's.</summary>
    public int LetIn(int number, int port)
    {
        var way = TcpProxy.Into(_nodes[number], port);
        _in.Add(way);
        return way.Port;
    }

    /// <summary>Nothing passes between this node and the others any more.</summary>
    public void Cut(int number) => _middle.IpInside("link", "set", Plug(number), "down");

    public void Heal(int number) => _middle.IpInside("link", "set", Plug(number), "up");

    /// <summary>A node no longer reaches a port of this machine.</summary>
    public void CutOut(int number, int port) => _out[(number, port)].Cut();

    public void HealOut(int number, int port) => _out[(number, port)].Restore();

    public async ValueTask DisposeAsync()
    {
        ExceptionDispatchInfo? failure;
        try
        {
            foreach (var way in _in.Concat(_out.Values))
                await way.DisposeAsync();
        }
        finally
        {
            failure = DeleteNamespaces();
        }

        failure?.Throw();
    }

    /// <summary>Deletes each, also when another cannot be deleted.</summary>
    /// <returns>The first failure; null without one.</returns>
    private ExceptionDispatchInfo? DeleteNamespaces()
    {
        ExceptionDispatchInfo? first = null;
        foreach (var made in _nodes.Append(_middle))
        {
            try
            {
                made.Dispose();
            }
            catch (InvalidOperationException e)
            {
                first ??= ExceptionDispatchInfo.Capture(e);
            }
        }

        return first;
    }

    private static string Plug(int number) => $"node{number}";
}
