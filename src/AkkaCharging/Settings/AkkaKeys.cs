using System.Reflection;
using Akka.Configuration;
using Akka.Configuration.Hocon;
using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>
/// The keys below <c>akka</c> that the loaded Akka libraries know, as their own reference files define them.
/// </summary>
internal sealed class AkkaKeys
{
    /// <summary>Keys that Akka reads although its files only mention them in comments, or not at all.</summary>
    private const string Undefined = """
        akka {
          actor.deployment.default.pool-dispatcher.executor = ""
          actor.default-dispatcher.dedicated-thread-pool { deadlock-timeout = 0, apartment = "" }
          cluster.distributed-data.durable.lmdb.write-behind-interval = 0
          io.tcp {
            buffer-pool = "", file-io-dispatcher = "", outgoing-socket-force-ipv4 = off
            write-commands-queue-max-size = 0
          }
          io.udp.buffer-pool = ""
          io.udp-connected.buffer-pool = ""
          remote.dot-netty.tcp { enable-pooling = on, log-transport = off, ssl.certificate.flags = [] }
        }
        """;

    private const string Prefix = "Akka";

    /// <summary>Blocks in which plug-ins and operators choose the keys, at any depth.</summary>
    private static readonly string[] OpenBlocks =
    [
        "akka.actor.mailbox.requirements",
        "akka.actor.router.type-mapping",
        "akka.actor.serialization-bindings",
        "akka.actor.serialization-identifiers",
        "akka.actor.serialization-settings",
        "akka.actor.serializers",
        "akka.persistence.journal",
        "akka.persistence.snapshot-store",
        "akka.remote.adapters",
    ];

    /// <summary>Keys that make a block of any name a definition, of a dispatcher, a mailbox or a plug-in.</summary>
    private static readonly string[] DefiningKeys =
    [
        "type",
        "executor",
        "mailbox-type",
        "class",
        "implementation-class",
        "lease-class",
        "transport-class",
    ];

    private static readonly Lazy<AkkaKeys> All = new(Read);

    private readonly Dictionary<string, AkkaKeys> _below = new(StringComparer.Ordinal);
    private AkkaKeys? _others;

    /// <summary>Lists the topmost keys below <c>akka</c> that no library knows, with the most similar one.</summary>
    /// <remarks>
    /// They are warnings, not problems: an actor or a plug-in of the program's own may read them.
    /// </remarks>
    public static IReadOnlyList<string> Unknown(ConfigBlock root)
    {
        var akka = (ConfigBlock)root.Entries[SettingsLoader.AkkaBlock];
        // Akka's own files are parsed only for a block that an operator has written.
        return akka.Leaves().All(leaf => SettingsLoader.IsReference(leaf.Node.Source))
            ? []
            : [.. All.Value.At(SettingsLoader.AkkaBlock).Unknown(akka, SettingsLoader.AkkaBlock)];
    }

    private IEnumerable<string> Unknown(ConfigBlock block, string path)
    {
        var compared = 0;
        foreach (var (key, node) in block.Entries)
        {
            var here = ConfigBlock.Show(path, key);
            var known = _below.GetValueOrDefault(key) ?? _others;
            if (known is not null)
            {
                foreach (var unknown in node is ConfigBlock below ? known.Unknown(below, here) : [])
                    yield return unknown;
            }
            else if (node is not ConfigBlock definition || !DefiningKeys.Any(definition.Entries.ContainsKey))
            {
                var similar = compared++ < UnknownKeys.MostCompared ? UnknownKeys.MostAlike(key, _below.Keys) : null;
                yield return $"{node.Source}: {here} is not a setting of Akka"
                    + (similar is null ? "." : $"; did you mean {ConfigBlock.Join(path, similar)}?");
            }
        }
    }

    private static AkkaKeys Read()
    {
        var root = new AkkaKeys();
        foreach (var file in Libraries().SelectMany(ReferenceFiles).Append(ConfigurationFactory.ParseString(Undefined)))
            root.Add(file.Root.GetObject());
        foreach (var path in OpenBlocks)
            root.At(path).Open();
        root.At("akka.actor.deployment")._others = root.At("akka.actor.deployment.default");
        root.At("akka.cluster.sharding.distributed-data").Add(root.At("akka.cluster.distributed-data"));
        root.At("akka.cluster.role")._others = Of("min-nr-of-members");
        var phases = root.At("akka.coordinated-shutdown.phases");
        phases._others = Of("depends-on", "enabled", "recover", "timeout");
        phases._below.Clear();

        // Which keys a dispatcher reads depends on its executor, which can be any.
        var dispatchers = root.Blocks().Where(block => block._below.ContainsKey("executor")).ToList();
        var dispatcher = new AkkaKeys();
        foreach (var block in dispatchers)
            dispatcher.Add(block);
        foreach (var block in dispatchers)
            block.Add(dispatcher);
        return root;
    }

    private static AkkaKeys Of(params IEnumerable<string> keys)
    {
        var block = new AkkaKeys();
        foreach (var key in keys)
            block.Below(key);
        return block;
    }

    /// <summary>
    /// Returns this library, the program, and the libraries of Akka that they use: those of Akka.NET and plug-ins.
    /// </summary>
    private static HashSet<Assembly> Libraries()
    {
        var found = new HashSet<Assembly>();
        var next = new Stack<Assembly>([typeof(AkkaKeys).Assembly]);
        if (Assembly.GetEntryAssembly() is { } program)
            next.Push(program);
        while (next.TryPop(out var library))
        {
            if (!found.Add(library))
                continue;
            foreach (var name in library.GetReferencedAssemblies())
            {
                if (name.Name!.StartsWith(Prefix, StringComparison.Ordinal))
                    next.Push(Assembly.Load(name));
            }
        }

        return found;
    }

    private static IEnumerable<Config> ReferenceFiles(Assembly library) =>
        library
            .GetManifestResourceNames()
            .Where(name =>
                name.StartsWith(Prefix, StringComparison.Ordinal) && name.EndsWith(".conf", StringComparison.Ordinal)
            )
            .Select(name => ConfigurationFactory.FromResource(name, library));

    private IEnumerable<AkkaKeys> Blocks() => _below.Values.SelectMany(below => below.Blocks()).Prepend(this);

    private AkkaKeys At(string path) => path.Split('.').Aggregate(this, (block, key) => block.Below(key));

    private AkkaKeys Below(string key) => _below.TryGetValue(key, out var block) ? block : _below[key] = new AkkaKeys();

    private void Open()
    {
        _below.Clear();
        _others = this;
    }

    private void Add(AkkaKeys block)
    {
        foreach (var (key, below) in block._below)
            Below(key).Add(below);
    }

    private void Add(HoconObject block)
    {
        foreach (var (key, value) in block.Items)
        {
            if (!value.IsObject())
                Below(key);
            else if (value.GetObject() is { Items.Count: > 0 } below)
                Below(key).Add(below);
            else
                Below(key).Open(); // what the executor or the plug-in of the block reads
        }
    }
}
