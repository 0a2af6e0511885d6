using Akka.Actor;
using AkkaCharging.Settings;
using AkkaCharging.Settings.Hocon;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Settings;

[Trait("Category", "Unit")]
public sealed class ShippedFilesTests
{
    [Fact]
    public void Development_Starts_OnLoopback()
    {
        var settings = SettingsLoader.Load(
            new SettingsSources(
                null,
                Development: true,
                new Dictionary<string, string>(),
                Repository.Root,
                Repository.Root
            )
        );

        Assert.Equal(("127.0.0.1", true), (settings.Server.Host, settings.Server.Development));
        Assert.Equal(LogFormat.Text, settings.Logging.Format);
        Assert.Equal(["127.0.0.1/32", "::1/128"], settings.Callback.Security.Allow.Select(network => $"{network}"));
        Assert.Empty(settings.Callback.Security.AllowedPorts);
        Assert.True(File.Exists(Path.Combine(Repository.Root, settings.Authorization.Acl.File)));
    }

    [Fact]
    public void Production_IsRefused_UntilItSaysWhoMayCall()
    {
        var sources = new SettingsSources(
            null,
            Development: false,
            new Dictionary<string, string>(),
            Repository.Root,
            Repository.Root
        );

        Assert.StartsWith(
            "defaults: server.host",
            Assert.Single(Assert.Throws<InvalidSettingsException>(() => SettingsLoader.Load(sources)).Problems),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Cluster_Starts_WithWhatTheEnvironmentAdds()
    {
        var settings = Node(
            new()
            {
                ["CLUSTER_HOSTNAME"] = "node-2",
                ["CLUSTER_TLS_CERTIFICATE_FILE"] = "node-2.p12",
                ["JOURNAL_CONNECTION_STRING"] = "Host=database",
                ["JOURNAL_ENCRYPTION_KEYS"] = SettingsTable.EncryptionKey,
                ["SERVER_API_KEYS"] = $$"""[{"name":"app","sha256":"{{SettingsTable.Sha}}"}]""",
            }
        );

        Assert.Equal(
            (true, "node-2", 64, JournalKind.Postgres),
            (settings.Cluster.Enabled, settings.Cluster.Hostname, settings.Cluster.Lanes, settings.Journal.Kind)
        );
        Assert.Equal(["node-1:2552", "node-2:2552", "node-3:2552"], settings.Cluster.SeedNodes);
        Assert.All(
            settings.Cluster.SeedNodes,
            seed => Assert.EndsWith($":{settings.Cluster.Port}", seed, StringComparison.Ordinal)
        );
    }

    [Fact]
    public void Cluster_IsRefused_UntilItIsSaidWhichNodeThisIs_AndWhereTheJournal()
    {
        var problems = Assert.Throws<InvalidSettingsException>(() => Node([])).Problems;

        Assert.Equal(4, problems.Count);
        Assert.All(
            [
                "server.host = '0.0.0.0' is reachable",
                "needs journal.connectionString",
                "needs a key",
                "cluster.hostname = '127.0.0.1' can be reached from this machine only",
            ],
            part => Assert.Contains(problems, problem => problem.Contains(part, StringComparison.Ordinal))
        );
    }

    [Fact]
    public void ApplicationConf_HasNothingActive() =>
        Assert.Empty(
            HoconParser
                .ParseFile(
                    "application.conf",
                    File.ReadAllBytes(Path.Combine(Repository.Root, "hocon/application.conf")),
                    []
                )!
                .Entries
        );

    [Fact]
    public void SampleAcl_HasItsHeaderAndTheDemoToken()
    {
        var lines = File.ReadAllLines(Path.Combine(Repository.Root, "hocon/acl.sample.csv"));

        Assert.Equal("token,stations,valid_from,valid_until,state", lines[0]);
        Assert.Contains("demo-driver-token-0001,*,,,active", lines);
        Assert.Contains("ABCD-efgh1234567890_~valid.token,*,,,active", lines); // the predecessor's own example
        Assert.All(lines, line => Assert.Equal(5, line.Split(',').Length));
    }

    [Fact]
    public async Task AkkaBlock_ReachesTheActorSystem()
    {
        var settings = Loading.Application(
            """
            akka {
              loglevel = WARNING
              stdout-loglevel = OFF
              actor {
                serialization-bindings { "System.Object, a.b" = json }
                default-dispatcher.throughput = 7
                creation-timeout = 5s
              }
              extensions = ["a, b", c]
            }
            """
        );

        using var system = ActorSystem.Create("settings", settings.Akka);

        var config = system.Settings.Config;
        Assert.Equal("WARNING", config.GetString("akka.loglevel"));
        Assert.False(config.GetBoolean("akka.coordinated-shutdown.run-by-clr-shutdown-hook", true));
        Assert.Equal(
            TimeSpan.FromSeconds(320),
            config.GetTimeSpan("akka.coordinated-shutdown.phases.service-requests-done.timeout")
        );
        Assert.Equal(TimeSpan.FromSeconds(5), config.GetTimeSpan("akka.actor.creation-timeout"));
        Assert.Equal(7, config.GetInt("akka.actor.default-dispatcher.throughput"));
        Assert.Equal(["a, b", "c"], settings.Akka.GetStringList("akka.extensions"));
        Assert.Contains(
            "System.Object, a.b",
            settings.Akka.GetConfig("akka.actor.serialization-bindings").Root.GetObject().Items.Keys
        );
        await system.Terminate();
    }

    [Fact]
    public void AkkaBlock_MustBeOne() =>
        Assert.Equal(
            ["hocon/application.conf:1: akka is a block of settings; expected akka { … }, not a value."],
            Loading.ProblemsOf("akka = 5")
        );

    private static ChargingSettings Node(Dictionary<string, string> environment) =>
        SettingsLoader.Load(
            new SettingsSources("hocon/cluster.conf", Development: false, environment, Repository.Root, Repository.Root)
        );
}
