using System.Net;
using AkkaCharging.Tests.AddressPolicy;

namespace AkkaCharging.Tests.Settings;

[Trait("Category", "Unit")]
public sealed class SettingsRulesTests
{
    private const string ManagementTls =
        "management.tls.keyFile and management.tls.password have no effect without management.tls.certificateFile; "
        + "expected the file too.";

    private const string ClientTls =
        "server.tls.clientCertificates = required needs server.tls.clientCaFile and server.tls.certificateFile.";

    private const string TwoPorts = "management.port and server.port are both 9; expected two different ports.";

    [Theory]
    [InlineData(
        "authorization.provider = http",
        "authorization.provider = http needs authorization.http.url; expected an http or https URL."
    )]
    [InlineData(
        "adapters.citrineos.enabled = true",
        "adapters.citrineos.enabled = true needs authorization.typedTokens = true: its tokens name their type."
    )]
    [InlineData(
        "request.driverToken.minLength = 19",
        "request.driverToken.minLength = 19 lets anyone who can reach server.host try all tokens; expected "
            + "server.apiKeys, a loopback host or at least 20."
    )]
    [InlineData(
        "authorization.typedTokens = true",
        "authorization.typedTokens = true lets anyone who can reach server.host try all identifiers, which are short; "
            + "expected server.apiKeys or a loopback host."
    )]
    [InlineData(
        "authorization.circuitBreaker.maxResetMillis = 29999",
        "authorization.circuitBreaker.maxResetMillis is below resetTimeoutMillis; expected at least as much."
    )]
    [InlineData(
        "callback.maxRetryDelayMillis = 999",
        "callback.maxRetryDelayMillis is below callback.retryDelayMillis; expected at least as much."
    )]
    [InlineData(
        "callback.maxInFlight = 63",
        "callback.maxInFlightPerDestination = 64 is above callback.maxInFlight; expected at most 63."
    )]
    [InlineData(
        "callback.signing.required = true",
        "callback.signing.required = true needs a key; expected callback.signing.keys or callback.signing.keysFile."
    )]
    [InlineData(
        "journal { kind = postgres, encryptionKeyFile = keys }",
        "journal.kind = postgres needs journal.connectionString."
    )]
    [InlineData(
        "journal { kind = postgres, connectionString = a }",
        "journal.kind = postgres needs a key; expected journal.encryptionKeys or journal.encryptionKeyFile."
    )]
    [InlineData(
        "management.host = \"10.0.0.1\"",
        "management.host = '10.0.0.1' is reachable from other machines without a token; expected "
            + "management.operators, management.token or a loopback host."
    )]
    [InlineData("management.tls.keyFile = a", ManagementTls)]
    [InlineData("management.tls.password = a", ManagementTls)]
    [InlineData("server.tls.clientCertificates = required", ClientTls)]
    [InlineData("server.tls { clientCertificates = required, clientCaFile = a }", ClientTls)]
    [InlineData("server.tls { clientCertificates = required, certificateFile = a }", ClientTls)]
    [InlineData("management.port = 9, server.port = 9", TwoPorts)]
    [InlineData("management.port = 9, server { port = 9, host = \"::\" }", TwoPorts)]
    [InlineData("management.port = 9, server { port = 9, host = localhost }", TwoPorts)]
    [InlineData(
        "management { port = 9, host = \"10.0.0.1\", token = a }, server { port = 9, host = \"10.0.0.1\" }",
        TwoPorts
    )]
    [InlineData("management { port = 9, host = \"*\", token = a }, server { port = 9, host = \"10.0.0.1\" }", TwoPorts)]
    public void BrokenRule_IsAProblem(string text, string problem) =>
        Assert.Equal([$"hocon/application.conf:1: {problem}"], Loading.ProblemsOf(text));

    [Theory]
    [InlineData("server.host = localhost")]
    [InlineData("server.host = \"127.0.0.1\"")]
    [InlineData("server.host = \"::1\"")]
    [InlineData("server.allowAnonymous = true")]
    [InlineData("server.apiKeysFile = keys.conf")]
    [InlineData("server.apiKeys = [{ name = a, sha256 = " + SettingsTable.Sha + " }]")]
    public void ListenerThatSaysWhoMayCall_Starts(string text)
    {
        using var folder = new SettingsFolder();

        Assert.NotNull(folder.File("hocon/application.conf", text).Load());
    }

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    [InlineData("10.0.0.1")]
    [InlineData("service.example")]
    public void ListenerBeyondLoopback_WithoutKeys_IsRefused(string host)
    {
        using var folder = new SettingsFolder();

        Assert.Equal(
            [
                $"hocon/application.conf:1: server.host = '{host}' is reachable from other machines without API "
                    + "keys; expected server.apiKeys, server.apiKeysFile, server.allowAnonymous = true or a "
                    + "loopback host.",
            ],
            folder.File("hocon/application.conf", $"server.host = \"{host}\"").Problems()
        );
    }

    [Theory]
    [InlineData("management { host = \"10.0.0.1\", token = a }")]
    [InlineData("management { host = \"10.0.0.1\", token = a, port = 9 }, server { host = \"10.0.0.2\", port = 9 }")]
    [InlineData("management.port = 0, server.port = 0")]
    [InlineData("management { host = \"10.0.0.1\", operators = [{ name = a, sha256 = " + SettingsTable.Sha + " }] }")]
    [InlineData("callback.signing { required = true, keysFile = keys }")]
    [InlineData("callback.signing { required = true, keys = [\"" + SettingsTable.SigningKey + "\"] }")]
    [InlineData(
        "journal { kind = postgres, connectionString = a, encryptionKeys = [\"" + SettingsTable.EncryptionKey + "\"] }"
    )]
    [InlineData("callback { maxInFlight = 64, maxRetryDelayMillis = 1000 }")]
    [InlineData("server.host = localhost, request.driverToken.minLength = 4, authorization.typedTokens = true")]
    [InlineData("server.apiKeysFile = keys, request.driverToken.minLength = 4, authorization.typedTokens = true")]
    public void KeptRule_Starts(string text) => Assert.NotNull(Loading.Application(text));

    [Theory]
    [InlineData(
        "journal.kind = sqlite",
        "cluster.enabled = true needs a journal that nodes can share; expected journal.kind = postgres."
    )]
    [InlineData(
        "journal.kind = memory",
        "cluster.enabled = true needs a journal that nodes can share; expected journal.kind = postgres."
    )]
    [InlineData(
        "cluster.seedNodes = []",
        "cluster.enabled = true needs cluster.seedNodes; expected host:port of at least one node, the same list "
            + "on every node."
    )]
    [InlineData(
        "cluster.lanes = 2",
        "cluster.lanes = 2 is below the number of cluster.seedNodes; a node without a lane accepts no requests."
    )]
    [InlineData(
        "queue.consumerThreads = 2",
        "queue.consumerThreads has no effect in a cluster, where cluster.lanes run concurrently; expected 1."
    )]
    [InlineData(
        "cluster.hostname = \"0.0.0.0\"",
        "cluster.hostname = '0.0.0.0' is not an address that other nodes can reach; expected this node's own "
            + "address, and the interface in cluster.bindHostname."
    )]
    [InlineData(
        "cluster.hostname = \"::\"",
        "cluster.hostname = '::' is not an address that other nodes can reach; expected this node's own address, "
            + "and the interface in cluster.bindHostname."
    )]
    [InlineData(
        "cluster.hostname = \"127.0.0.1\"",
        "cluster.hostname = '127.0.0.1' can be reached from this machine only, but cluster.seedNodes names other "
            + "machines; expected a name or address at which they reach this node."
    )]
    [InlineData(
        "cluster.hostname = localhost",
        "cluster.hostname = 'localhost' can be reached from this machine only, but cluster.seedNodes names other "
            + "machines; expected a name or address at which they reach this node."
    )]
    [InlineData(
        "journal.encryptionKeys = []",
        "journal.kind = postgres needs a key; expected journal.encryptionKeys or journal.encryptionKeyFile."
    )]
    [InlineData(
        "cluster.tls.password = s3cret",
        "cluster.tls.password has no effect without cluster.tls.certificateFile; expected the file too."
    )]
    [InlineData(
        "cluster { allowPlaintext = false, hostname = localhost, bindHostname = \"::\", seedNodes = [\"[::1]:1\"] }",
        "cluster.hostname = 'localhost' is reachable from other machines without TLS, so that anyone who can reach "
            + "it can pose as a node; expected cluster.tls.certificateFile, cluster.allowPlaintext = true or a "
            + "loopback address."
    )]
    [InlineData(
        "cluster.allowPlaintext = false",
        "cluster.hostname = 'node-1' is reachable from other machines without TLS, so that anyone who can reach it "
            + "can pose as a node; expected cluster.tls.certificateFile, cluster.allowPlaintext = true or a "
            + "loopback address."
    )]
    public void BrokenRuleOfACluster_IsAProblem(string text, string problem)
    {
        using var folder = Node(text);

        Assert.EndsWith($": {problem}", Assert.Single(folder.Problems()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cluster.lanes = 3")]
    [InlineData("cluster.bindHostname = \"0.0.0.0\"")]
    [InlineData("cluster { hostname = localhost, seedNodes = [\"127.0.0.1:2552\", \"localhost:2553\"] }")]
    [InlineData("cluster.tls { certificateFile = node.p12, password = s3cret }")]
    [InlineData("cluster.tls.certificateFile = node.p12")]
    [InlineData("cluster { allowPlaintext = false, tls.certificateFile = node.p12 }")]
    [InlineData("cluster { allowPlaintext = false, hostname = \"127.0.0.1\", seedNodes = [\"127.0.0.1:2552\"] }")]
    public void KeptRuleOfACluster_Starts(string text)
    {
        using var folder = Node(text);

        Assert.True(folder.Load().Cluster.Enabled);
    }

    [Theory]
    [InlineData(
        "cluster { hostname = \"0.0.0.0\", lanes = 1, seedNodes = [\"a:1\", \"b:1\"] }, queue.consumerThreads = 2"
    )]
    public void ClusterThatIsOff_HasNoRules(string text) => Assert.False(Loading.Application(text).Cluster.Enabled);

    [Fact]
    public void RepeatedApiKey_IsRefused() =>
        Assert.Equal(
            ["hocon/application.conf:1: server.apiKeys contains the same sha256 twice; expected one entry per key."],
            Loading.ProblemsOf(
                $"server.apiKeys = [{{ name = a, sha256 = {SettingsTable.Sha} }}, "
                    + $"{{ name = b, sha256 = {SettingsTable.Sha.ToUpperInvariant()} }}]"
            )
        );

    [Fact]
    public void RepeatedOperatorsToken_IsRefused() =>
        Assert.Equal(
            [
                "hocon/application.conf:1: management.operators contains the same sha256 twice; expected a "
                    + "different token for each operator.",
            ],
            Loading.ProblemsOf(
                $"management.operators = [{{ name = a, sha256 = {SettingsTable.Sha} }}, "
                    + $"{{ name = b, sha256 = {SettingsTable.Sha.ToUpperInvariant()}, access = write }}]"
            )
        );

    [Theory]
    [InlineData("token")]
    [InlineData("loopback")]
    public void NameByWhichTheLogMeansAnother_IsNoOperators(string name) =>
        Assert.Equal(
            [
                "hocon/application.conf:1: management.operators has an operator named token or loopback, by which the "
                    + "log means others; expected another name.",
            ],
            Loading.ProblemsOf($"management.operators = [{{ name = {name}, sha256 = {SettingsTable.Sha} }}]")
        );

    [Fact]
    public void RuleAboutASettingWithAProblem_IsNotAsked() =>
        Assert.Single(Loading.ProblemsOf("callback { maxInFlight = none, maxInFlightPerDestination = 100000 }"));

    [Theory]
    [InlineData("127.0.0.0/8", "127.0.0.0/8")]
    [InlineData("127.0.0.0/31", "127.0.0.0/8")]
    [InlineData("0.0.0.0/0", "0.0.0.0/8")]
    [InlineData("64.0.0.0/2", "127.0.0.0/8")]
    [InlineData("0.0.0.0/31", "0.0.0.0/8")]
    [InlineData("169.254.169.254/31", "169.254.0.0/16")]
    [InlineData("169.0.0.0/8", "169.254.0.0/16")]
    [InlineData("100.64.0.0/10", "100.100.100.200/32")]
    [InlineData("168.63.129.0/24", "168.63.129.16/32")]
    [InlineData("192.0.0.0/24", "192.0.0.192/32")]
    [InlineData("::/0", "fe80::/10")]
    [InlineData("::/127", "::1/128")]
    [InlineData("fe80::/64", "fe80::/10")]
    [InlineData("fd00::/8", "fd00:ec2::/32")]
    [InlineData("fd20:ce::/64", "fd20:ce::254/128")]
    [InlineData("fd00:42::/64", "fd00:42::42/128")]
    [InlineData("fd00:c1::/32", "fd00:c1::a9fe:a9fe/128")]
    [InlineData("fd00:ec2:1::/48", "fd00:ec2::/32")]
    [InlineData("169.254.170.0/24", "169.254.0.0/16")]
    public void NetworkWithLoopbackOrMetadata_IsRefused(string network, string guarded) =>
        Assert.Equal(
            [
                $"hocon/application.conf:1: callback.security.allow = '{network}' overlaps {guarded} (this "
                    + "machine, metadata services); expected single addresses there, as /32 or /128.",
            ],
            Loading.ProblemsOf($"callback.security.allow = [\"{network}\"]")
        );

    [Theory]
    [InlineData("::ffff:127.0.0.0/104", "::ffff:0:0/96")]
    [InlineData("64:ff9b::/96", "64:ff9b::/96")]
    [InlineData("2002:7f00::/24", "2002::/16")]
    [InlineData("2001::/16", "2001::/32")]
    [InlineData("64:ff9b:1::/64", "64:ff9b:1::/48")]
    [InlineData("::a00:0/112", "::/96")]
    public void NetworkOfIPv4InIPv6_IsRefused(string network, string embedding) =>
        Assert.Equal(
            [
                $"hocon/application.conf:1: callback.security.allow = '{IPNetwork.Parse(network)}' overlaps "
                    + $"{embedding} (IPv4 in IPv6), which is never allowed; expected a network without it.",
            ],
            Loading.ProblemsOf($"callback.security.allow = [\"{network}\"]")
        );

    /// <summary>The address policy rejects the address even so: the entry would silently do nothing.</summary>
    [Theory]
    [InlineData("::ffff:10.0.0.1/128")] // IPv4-mapped
    [InlineData("::10.0.0.1/128")] // IPv4-compatible
    [InlineData("::ffff:0:a00:1/128")] // SIIT
    [InlineData("64:ff9b::a00:1/128")] // NAT64
    [InlineData("64:ff9b:1::a00:1/128")] // NAT64, local use
    [InlineData("2001::a00:1/128")] // Teredo
    [InlineData("2002:a00:1::/128")] // 6to4
    [InlineData("fd12:3456::5efe:a00:1/128")] // ISATAP
    public void SingleAddressWithIPv4InIt_IsRefused(string address)
    {
        var entry = IPNetwork.Parse(address);

        Assert.Equal(
            [
                $"hocon/application.conf:1: callback.security.allow = '{entry}' has an IPv4 address in it, and such an "
                    + "IPv6 address is never allowed; expected the IPv4 address.",
            ],
            Loading.ProblemsOf($"callback.security.allow = [\"{address}\"]")
        );
        Assert.False(Policies.Allowing(address).CheckAddress(entry.BaseAddress).IsAllowed);
    }

    [Theory]
    [InlineData("127.0.0.1/32")]
    [InlineData("::1/128")]
    [InlineData("169.254.169.254/32")]
    [InlineData("fd00:ec2::254/128")]
    [InlineData("10.0.0.0/8")]
    [InlineData("192.168.0.0/16")]
    [InlineData("fd12:3456::/32")]
    public void PrivateNetworkOrSingleAddress_IsTaken(string network) =>
        Assert.Equal(
            network,
            Assert
                .Single(Loading.Application($"callback.security.allow = [\"{network}\"]").Callback.Security.Allow)
                .ToString()
        );

    /// <summary>A node of three, with <paramref name="text"/> over its settings.</summary>
    private static SettingsFolder Node(string text)
    {
        var folder = new SettingsFolder { Development = true };
        folder.File(
            "hocon/development.conf",
            SettingsFolder.Anonymous
                + $$"""
                cluster {
                  enabled = true, allowPlaintext = true, hostname = node-1
                  seedNodes = ["node-1:2552", "node-2:2552", "node-3:2552"]
                }
                journal { kind = postgres, connectionString = a, encryptionKeys = ["{{SettingsTable.EncryptionKey}}"] }
                """
        );
        return folder.File("hocon/application.conf", text);
    }
}
