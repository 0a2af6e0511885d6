using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Cluster;
using AkkaCharging.Testing.Tls;

namespace AkkaCharging.Scenarios.Clustering;

/// <summary>Nodes that prove who they are to each other, and others that want to be let in.</summary>
[Trait("Category", "Scenario")]
public sealed class NodeTlsTests : IAsyncLifetime
{
    private static readonly TimeSpan Joining = TimeSpan.FromSeconds(60);
    private readonly ScenarioFolder _folder = new();
    private readonly Authority _authority = new("the cluster's authority");
    private readonly List<ServiceProcess> _nodes = [];
    private JournalHome _journal = null!;

    public async Task InitializeAsync() => _journal = await JournalHome.NewAsync(JournalHome.Postgres);

    public async Task DisposeAsync()
    {
        foreach (var node in _nodes)
            await node.DisposeAsync();
        await _journal.DisposeAsync();
        _authority.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task CertificatesOfOneAuthority_FormACluster_OverTls()
    {
        var port = FreePort.Next();
        var first = Launch(port, port, _authority.Certify("node-1"));
        await IsReadyAsync(first);
        var second = Launch(FreePort.Next(), port, _authority.Certify("node-2"));
        await IsReadyAsync(second);

        await SeesAsync(first, 2);
        await SeesAsync(second, 2);
        Assert.Equal("CN=node-1", await SubjectAsync(port));
        Assert.DoesNotContain(
            Authority.Password,
            string.Join('\n', first.Process.Output.Concat(first.Process.Error)),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task SameCertificateOnEachNode_FormsACluster()
    {
        var port = FreePort.Next();
        var certificate = Authority.SelfSigned("the cluster's nodes");
        var first = Launch(port, port, certificate);
        await IsReadyAsync(first);
        var second = Launch(FreePort.Next(), port, certificate);

        await IsReadyAsync(second);
        await SeesAsync(first, 2);
    }

    [Fact]
    public async Task WhoeverIsNotCertifiedByTheAuthority_DoesNotGetIn()
    {
        using var other = new Authority("the cluster's authority");
        _folder.Write("machine-trusts.pem", other.Pem); // which says nothing about nodes
        var port = FreePort.Next();
        var node = Launch(port, port, _authority.Certify("node-1"));
        await IsReadyAsync(node);

        var intruders = new[]
        {
            Launch(FreePort.Next(), port, certificate: null),
            Launch(FreePort.Next(), port, other.Certify("node-2")),
            Launch(FreePort.Next(), port, other.Certify("node-2", trusted: [other, _authority])),
            Launch(FreePort.Next(), port, Authority.SelfSigned("node-1")),
        };
        foreach (var intruder in intruders)
            await IsNotLetInAsync(intruder);
        await SubjectAsync(port);
        using (var stranger = new TcpClient("127.0.0.1", port))
            await stranger.GetStream().WriteAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray());

        Assert.Contains(
            node.Process.Output,
            line =>
                line.Contains("is rejected as a node", StringComparison.Ordinal)
                && line.Contains("CN=node-2", StringComparison.Ordinal)
        );
        await SeesAsync(node, 1);
        await IsReadyAsync(node);
    }

    [Fact]
    public async Task NodeOfAnotherAuthority_IsNotJoined()
    {
        using var other = new Authority("another authority");
        var port = FreePort.Next();
        var imposter = Launch(port, port, other.Certify("node-1", trusted: [other, _authority]));
        await IsReadyAsync(imposter);

        var node = Launch(FreePort.Next(), port, _authority.Certify("node-2"));

        await IsNotLetInAsync(node);
        await SeesAsync(imposter, 1);
    }

    /// <summary>
    /// Akka.Remote has .NET build a chain for each certificate it sees, before it asks whether that is a node's.
    /// </summary>
    [Fact]
    public async Task StrangersCertificate_HasNothingFetched()
    {
        await using var trap = new FetchTrap();
        using var certificate = new LeadingCertificate(trap);
        var port = FreePort.Next();
        var node = Launch(port, port, _authority.Certify("node-1"));
        await IsReadyAsync(node);

        await SubjectAsync(
            port,
            SslStreamCertificateContext.Create(certificate.Leaf, additionalCertificates: null, offline: true)
        );
        await Eventually.HoldsAsync(
            () =>
                Task.FromResult(
                    node.Process.Output.Any(line =>
                        line.Contains("is rejected as a node", StringComparison.Ordinal)
                        && line.Contains("CN=Leaf", StringComparison.Ordinal)
                    )
                ),
            "it is refused"
        );

        Assert.Equal(0, await trap.ConnectionsAsync());
        await IsReadyAsync(node);
    }

    [Fact]
    public async Task FileThatOthersWouldRefuse_IsToldByCheckConfig_AndRefusesTheStart()
    {
        File.WriteAllBytes(Path.Combine(_folder.Path, "expired.p12"), _authority.Certify("node-1", days: -1));
        var settings = _journal.NodeSettings();
        settings["CLUSTER_TLS_CERTIFICATE_FILE"] = "expired.p12";
        settings["CLUSTER_TLS_PASSWORD"] = Authority.Password;

        foreach (var arguments in new string[][] { ["--check-config"], [] })
        {
            await using var node = ServiceProcess.Launch(settings, _folder.Path, arguments);
            Assert.Equal(1, await node.Process.ExitAsync());
            Assert.Contains(
                "cluster.tls.certificateFile = 'expired.p12' contains a certificate that other nodes would reject: "
                    + "NotTimeValid",
                node.Process.Error
            );
        }
    }

    private ServiceProcess Launch(int port, int seed, byte[]? certificate)
    {
        (string, string)[] cluster =
        [
            ("CLUSTER_ENABLED", "true"),
            ("CLUSTER_PORT", port.ToString(CultureInfo.InvariantCulture)),
            ("CLUSTER_SEED_NODES", $"127.0.0.1:{seed}"),
            ("CLUSTER_LANES", "4"),
        ];
        if (certificate is not null)
        {
            File.WriteAllBytes(Path.Combine(_folder.Path, $"{port}.p12"), certificate);
            cluster =
            [
                .. cluster,
                ("CLUSTER_TLS_CERTIFICATE_FILE", $"{port}.p12"),
                ("CLUSTER_TLS_PASSWORD", Authority.Password),
            ];
        }

        if (File.Exists(Path.Combine(_folder.Path, "machine-trusts.pem")))
            cluster = [.. cluster, ("SSL_CERT_FILE", Path.Combine(_folder.Path, "machine-trusts.pem"))];
        var node = ServiceProcess.Launch(_journal.Settings(cluster), _folder.Path);
        _nodes.Add(node);
        return node;
    }

    private static Task IsReadyAsync(ServiceProcess node) =>
        Eventually.HoldsAsync(
            async () =>
                node.Process.HasExited
                    ? throw new InvalidOperationException($"The node did not start:\n{node.Process.Everything}")
                    : await node.StatusOfAsync("/health/ready") == System.Net.HttpStatusCode.OK,
            "the node is ready",
            Joining
        );

    /// <summary>
    /// It ends itself, as Akka.Remote does when it refuses a certificate that it connected to; or it asks repeatedly.
    /// </summary>
    private static async Task IsNotLetInAsync(ServiceProcess node)
    {
        // A node that ends itself closes its listener first, so the port does not answer until the process has ended.
        await Eventually.HoldsAsync(
            async () =>
                node.Process.HasExited
                || (
                    node.Process.Output.Any(line =>
                        line.Contains("Couldn't join seed nodes after [2] attempts", StringComparison.Ordinal)
                    )
                    && await node.StatusOfAsync("/health/ready") == System.Net.HttpStatusCode.ServiceUnavailable
                ),
            "it is not let in",
            Joining
        );
        if (!node.Process.HasExited)
            return;
        var exitCode = await node.Process.ExitAsync();
        Assert.True(exitCode == 2, $"It ended with {exitCode}: {node.Process.Everything}");
        Assert.Contains(
            node.Process.Output,
            line => line.Contains("shutting down: TlsHandshakeFailureReason", StringComparison.Ordinal)
        );
    }

    private static Task SeesAsync(ServiceProcess node, int count) =>
        Eventually.HoldsAsync(
            async () =>
                (await node.GetAsync("/metrics")).GetProperty("cluster").GetProperty("nodes_up").GetInt32() == count,
            $"it sees {count} nodes"
        );

    /// <summary>Whose certificate a node presents to a peer with another certificate, or without one.</summary>
    private static async Task<string> SubjectAsync(int port, SslStreamCertificateContext? own = null)
    {
        var shown = "";
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", port);
        await using var stream = new SslStream(client.GetStream());
        try
        {
            await stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = "127.0.0.1",
                    ClientCertificateContext = own,
                    RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                    {
                        shown = ((X509Certificate2)certificate!).Subject;
                        return shown.Length > 0;
                    },
                }
            );
            await stream.ReadExactlyAsync(new byte[1]); // by TLS 1.3 the client is judged when its own part is done
        }
        catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException)
        {
            // It is not let in; what was shown was shown before.
        }

        return shown;
    }
}
