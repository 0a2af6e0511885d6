using Akka.Configuration;
using Akka.Configuration.Hocon;
using AkkaCharging.Clustering;
using AkkaCharging.Pipeline;
using AkkaCharging.Settings;
using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Tests.Settings;

[Trait("Category", "Unit")]
public sealed class AkkaKeysTests
{
    [Theory]
    [InlineData("actr.x = 1", "akka.actr", "akka.actor")]
    [InlineData("LOGLEVEL = INFO", "akka.LOGLEVEL", "akka.loglevel")]
    [InlineData("federation { a = 1, b = 2 }", "akka.federation", null)]
    [InlineData(
        "actor.default-dispatcher.througput = 1",
        "akka.actor.default-dispatcher.througput",
        "akka.actor.default-dispatcher.throughput"
    )]
    [InlineData("actor.my-dispatcher.throughput = 1", "akka.actor.my-dispatcher", null)]
    [InlineData(
        "actor.deployment { \"/a/*\" { routr = round-robin-pool } }",
        "akka.actor.deployment.\"/a/*\".routr",
        "akka.actor.deployment.\"/a/*\".router"
    )]
    [InlineData(
        "actor.deployment./a.pool-dispatcher.throughputs = 1",
        "akka.actor.deployment.\"/a\".pool-dispatcher.throughputs",
        "akka.actor.deployment.\"/a\".pool-dispatcher.throughput"
    )]
    [InlineData(
        "coordinated-shutdown.phases.service-stop.timout = 1s",
        "akka.coordinated-shutdown.phases.service-stop.timout",
        "akka.coordinated-shutdown.phases.service-stop.timeout"
    )]
    [InlineData(
        "remote.dot-netty.tcp.maximum-frame-sise = 1",
        "akka.remote.dot-netty.tcp.maximum-frame-sise",
        "akka.remote.dot-netty.tcp.maximum-frame-size"
    )]
    [InlineData("cluster.role.a.min = 1", "akka.cluster.role.a.min", null)]
    [InlineData("log-config-on-start { a = 1 }", "akka.log-config-on-start.a", null)]
    [InlineData("cluster.sharding.state-store = a", "akka.cluster.sharding.state-store", null)]
    [InlineData(
        "stream.materializer.max-fixed-buffersize = 1",
        "akka.stream.materializer.max-fixed-buffersize",
        "akka.stream.materializer.max-fixed-buffer-size"
    )]
    [InlineData(
        "persistence.max-concurrent-recovery = 1",
        "akka.persistence.max-concurrent-recovery",
        "akka.persistence.max-concurrent-recoveries"
    )]
    public void UnknownKey_IsWarnedOf_WithTheOneMeant(string text, string key, string? meant) =>
        Assert.Equal(
            [
                $"hocon/application.conf:2: {key} is not a setting of Akka"
                    + (meant is null ? "." : $"; did you mean {meant}?"),
            ],
            Loading.Application($"akka {{ {text} }}").Warnings
        );

    [Theory]
    [InlineData("loglevel = DEBUG, log-config-on-start = on, scheduler.tick-duration = 5ms")]
    [InlineData("actor { serializers.mine = \"A, b\", serialization-bindings { \"X, y\" = mine } }")]
    [InlineData("actor.serialization-settings { json.encode-type-names = off, primitive.use-legacy = on }")]
    [InlineData("actor.default-dispatcher { executor = channel-executor, channel-executor.priority = low }")]
    [InlineData("actor.internal-dispatcher { dedicated-thread-pool { thread-count = 2, deadlock-timeout = 3s } }")]
    [InlineData("actor.mine { type = PinnedDispatcher, anything = 1 }, actor.mailbox.box.mailbox-type = \"A, b\"")]
    [InlineData("actor.deployment { \"/a/b\" { router = smallest-mailbox-pool, resizer.enabled = on } }")]
    [InlineData("coordinated-shutdown.phases { mine { depends-on = [service-stop], recover = off } }")]
    [InlineData("cluster { role.frontend.min-nr-of-members = 2, app-version = \"1.0\", sharding.role = a }")]
    [InlineData("cluster.failure-detector { implementation-class = \"A, b\", acceptable-heartbeat-pause = 9s }")]
    [InlineData("coordination.lease.mine { lease-class = \"A, b\", url = c }")]
    [InlineData("remote { dot-netty.tcp { enable-pooling = off, batching.enabled = off }, adapters.mine = \"A, b\" }")]
    [InlineData("persistence { journal.sql { connection-string = a }, snapshot-store.plugin = b }")]
    [InlineData("cluster { distributed-data.durable.keys = [a], pub-sub.name = a, singleton.role = b }")]
    [InlineData("stream.materializer { max-input-buffer-size = 1, stream-ref.buffer-capacity = 1 }")]
    public void KnownKeys_AndNamesThatAnOperatorChooses_AreNot(string text) =>
        Assert.Empty(Loading.Application($"akka {{ {text} }}").Warnings);

    [Fact]
    public void OwnSettingsOfAkka_AreKnown()
    {
        Assert.Empty(AkkaKeys.Unknown(Block(ClusterHosting.Configuration(ChargingSettings.Default.Cluster))));
        Assert.Empty(AkkaKeys.Unknown(Block(ConfigurationFactory.ParseString(TimerScheduler.Hocon))));
    }

    [Fact]
    public void UnknownKeysWithoutEnd_AreWarnedOfInTime()
    {
        var text =
            $"akka.{new string('x', 100_000)} = 1\n"
            + string.Concat(Enumerable.Range(0, 20_000).Select(i => $"akka.unknown{i} = 1\n"));

        Assert.Equal(20_001, Loading.Application(text).Warnings.Count);
    }

    private static ConfigBlock Block(Config config) => Block(config.Root.GetObject());

    private static ConfigBlock Block(HoconObject from)
    {
        var block = new ConfigBlock("own");
        foreach (var (key, value) in from.Items)
            block.Entries[key] = value.IsObject() ? Block(value.GetObject()) : new ConfigText("", "own");
        return block;
    }
}
