using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using AkkaCharging.Host.Lifetime;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using YamlDotNet.RepresentationModel;

namespace AkkaCharging.Scenarios.Deployment;

/// <summary>
/// The deployments of a cluster agree with the service, with each other, and with those of the single node.
/// </summary>
[Trait("Category", "Scenario")]
public sealed partial class ClusterManifestTests : IDisposable
{
    private const string Overlay = "kubernetes-cluster";
    private const string Mounts = "/etc/akkacharging";
    private const string ApiKeys =
        """[{"name":"app","sha256":"b79e696f4a664a4a41bfbd89f54f9b7cb0c06c90ebf81da4a846f52f7141eea0","""
        + "\"requestsPerSecond\":100}]";
    private const string Base64Of32Bytes = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    private const string Password = "s3cret";
    private static readonly string Port = SettingsLoader.Defaults.Cluster.Port.ToString(CultureInfo.InvariantCulture);
    private readonly ScenarioFolder _folder = new();
    private readonly YamlNode _set = Manifests.Read(Overlay, "statefulset.yaml").At("spec");
    private readonly YamlNode _singlePod = Manifests
        .Read("kubernetes", "deployment.yaml")
        .At("spec", "template", "spec");
    private readonly YamlNode _compose = Manifests.Read("compose.cluster.yaml");

    private YamlNode Pod => _set.At("template", "spec");

    private YamlNode Container => Assert.Single(Pod.Items("containers"));

    private int Replicas => int.Parse(_set.Text("replicas"), CultureInfo.InvariantCulture);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Kustomization_LaysEveryManifest_OverThoseOfTheSingleNode()
    {
        var kustomization = Manifests.Read(Overlay, "kustomization.yaml");
        var files = Directory
            .EnumerateFiles(Path.Combine(Manifests.Folder, Overlay))
            .Select(file => Path.GetFileName(file)!)
            .Except(["kustomization.yaml", "secret.example.yaml"]);
        var patches = kustomization.Items("patches").Select(patch => patch.Text("path")).ToList();

        Assert.Equal(
            files.Order(StringComparer.Ordinal),
            kustomization.Texts("resources").Except(["../kubernetes"]).Concat(patches).Order(StringComparer.Ordinal)
        );
        Assert.Contains("../kubernetes", kustomization.Texts("resources"));
        Assert.Equal(kustomization.At("images"), Manifests.Read("kubernetes", "kustomization.yaml").At("images"));
        Assert.All(
            patches,
            patch => Assert.Equal(NameOf(Manifests.Read("kubernetes", patch)), NameOf(Manifests.Read(Overlay, patch)))
        );
        Assert.All(
            (string[])["deployment.yaml", "journal.yaml"],
            patch => Assert.Equal("delete", Manifests.Read(Overlay, patch).Text("$patch"))
        );

        static (string, string) NameOf(YamlNode manifest) => (manifest.Text("kind"), manifest.Text("metadata", "name"));
    }

    [Fact]
    public void Pod_IsTheSingleNodes_ButForItsJournal()
    {
        var single = Assert.Single(_singlePod.Items("containers"));

        Assert.All(
            ["enableServiceLinks", "automountServiceAccountToken", "terminationGracePeriodSeconds", "securityContext"],
            key => Assert.Equal(_singlePod.At(key), Pod.At(key))
        );
        Assert.All(
            ["image", "args", "startupProbe", "livenessProbe", "readinessProbe", "resources", "securityContext"],
            key => Assert.Equal(single.At(key), Container.At(key))
        );
        Assert.Equal(
            _set.At("selector", "matchLabels"),
            Manifests.Read("kubernetes", "service.yaml").At("spec", "selector")
        );
        Assert.Equal(_set.At("selector", "matchLabels"), _set.At("template", "metadata", "labels"));
        Assert.All(Container.Items("volumeMounts"), mount => Assert.Equal("true", mount.Text("readOnly")));
        Assert.Equal(
            Container.Items("volumeMounts").Select(mount => mount.Text("name")),
            Pod.Items("volumes").Select(volume => volume.Text("name"))
        );
    }

    [Fact]
    public void Nodes_ReachEachOther_OnTheClustersPort_AndNobodyElseThem()
    {
        var names = Manifests.Read(Overlay, "nodes.yaml");
        var policy = Manifests.Read(Overlay, "network.yaml").At("spec");
        var nodes = policy.At("podSelector");

        Assert.Equal(
            [("http", "8080"), ("cluster", Port)],
            Container.Items("ports").Select(port => (port.Text("name"), port.Text("containerPort")))
        );
        Assert.Equal(
            (names.Text("metadata", "name"), "None", "true"),
            (_set.Text("serviceName"), names.Text("spec", "clusterIP"), names.Text("spec", "publishNotReadyAddresses"))
        );
        Assert.Equal(
            (Port, "cluster"),
            (names.Text("spec", "ports", 0, "port"), names.Text("spec", "ports", 0, "targetPort"))
        );
        Assert.Equal(_set.At("selector", "matchLabels"), names.At("spec", "selector"));
        Assert.Equal(_set.At("selector", "matchLabels"), nodes.At("matchLabels"));
        Assert.Equal(
            (nodes, Port),
            (OnlyPeer(policy.At("ingress", 0, "from")).At("podSelector"), policy.Text("ingress", 0, "ports", 0, "port"))
        );
        Assert.Equal(
            (nodes, Port),
            (OnlyPeer(policy.At("egress", 0, "to")).At("podSelector"), policy.Text("egress", 0, "ports", 0, "port"))
        );
        Assert.Single(OnlyPeer(policy.At("ingress", 0, "from")).Entries());
        Assert.Single(policy.Items("ingress"));

        static YamlNode OnlyPeer(YamlNode peers) => Assert.Single(peers.Items());
    }

    [Fact]
    public void Nodes_StopAndDieOneAtATime()
    {
        var budget = Manifests.Read(Overlay, "disruption.yaml").At("spec");
        var apart = Assert.Single(
            Pod.Items("affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
        );

        Assert.True(Replicas >= 3 && Replicas % 2 == 1);
        Assert.Equal(
            ("RollingUpdate", "Parallel"),
            (_set.Text("updateStrategy", "type"), _set.Text("podManagementPolicy"))
        );
        Assert.Equal(("1", "null"), (budget.Text("maxUnavailable"), budget.Text("minAvailable")));
        Assert.Equal("kubernetes.io/hostname", apart.Text("topologyKey"));
        Assert.Equal(_set.At("selector", "matchLabels"), apart.At("labelSelector", "matchLabels"));
    }

    [Fact]
    public async Task KubernetesSettings_PassTheCheckOnEveryPod_WithoutAWarning()
    {
        var text = Manifests.Read(Overlay, "config.yaml").Text("data", "application.conf");
        foreach (var mount in Container.Items("volumeMounts").Select(mount => mount.Text("mountPath")))
            Directory.CreateDirectory(_folder.Path + mount);
        _folder.Write("etc/akkacharging/acl/acl.csv", "token,stations,valid_from,valid_until,state\n");
        _folder.Write("etc/akkacharging/signing/keys", $"whsec_{Base64Of32Bytes}\n");
        _folder.Write("etc/akkacharging/journal/key", $"{Base64Of32Bytes}\n");
        WriteCertificate("etc/akkacharging/tls/node.p12");
        _folder.Write(
            "etc/akkacharging/settings/application.conf",
            text.Replace(Mounts, _folder.Path + Mounts, StringComparison.Ordinal)
        );
        var file = _folder.Path + Container.Texts("args")[1];
        Manifests.SetModesOfSecrets(Pod, _folder.Path);
        var pods = Enumerable
            .Range(0, Replicas)
            .Select(number =>
                Environment($"{Manifests.Read(Overlay, "statefulset.yaml").Text("metadata", "name")}-{number}")
            )
            .ToList();

        await using var check = ServiceProcess.Launch(pods[0], _folder.Path, ["--config", file, "--check-config"]);

        Assert.True(await check.Process.ExitAsync() == 0, check.Process.Everything);
        Assert.Empty(check.Process.Error);
        var settings = pods.ConvertAll(pod =>
            SettingsLoader.Load(new SettingsSources(file, Development: false, pod, _folder.Path, _folder.Path))
        );
        Assert.Equal(
            settings[0].Cluster.SeedNodes,
            settings.Select(node => $"{node.Cluster.Hostname}:{node.Cluster.Port}")
        );
        Assert.All(
            settings,
            node => Assert.True(node.Cluster.Enabled && node.Cluster.Tls.IsOn && node.Cluster.Lanes >= Replicas)
        );
        Assert.True(
            TimeSpan.FromSeconds(int.Parse(Pod.Text("terminationGracePeriodSeconds"), CultureInfo.InvariantCulture))
                > ChargingLifetime.Bound(settings[0].Server)
        );
        Assert.Equal($"{SettingsLoader.Defaults.Server.Port}", Container.Text("ports", 0, "containerPort"));
    }

    /// <summary>What is in the example has all keys that the pod reads out of the secret, and no others.</summary>
    [Fact]
    public void SecretsExample_HoldsWhatThePodReads()
    {
        var read = Container
            .Items("env")
            .Where(variable => variable.Entries().Any(entry => entry.Key == "valueFrom"))
            .Select(variable => variable.At("valueFrom"))
            .Where(from => from.Entries().Any(entry => entry.Key == "secretKeyRef"))
            .Select(from => from.Text("secretKeyRef", "key"))
            .Concat(
                Pod.Items("volumes")
                    .Where(volume => volume.Entries().Any(entry => entry.Key == "secret"))
                    .SelectMany(volume => volume.Items("secret", "items"))
                    .Select(item => item.Text("key"))
            );

        Assert.Equal(
            read.Order(StringComparer.Ordinal),
            Manifests
                .Read(Overlay, "secret.example.yaml")
                .Entries("stringData")
                .Select(entry => entry.Key)
                .Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task ComposeSettings_PassTheCheckOnEveryNode_AndStopInsideTheGracePeriod()
    {
        var nodes = _compose
            .Entries("services")
            .Where(service => service.Key.StartsWith("node-", StringComparison.Ordinal))
            .ToList();
        _folder.Write("journal-key", $"{Base64Of32Bytes}\n");
        _folder.Write("signing-keys", $"whsec_{Base64Of32Bytes}\n");
        WriteCertificate("node.p12");
        var environments = nodes.ConvertAll(node =>
            node.Value.Entries("environment")
                .ToDictionary(
                    entry => entry.Key,
                    entry =>
                        Required()
                            .Replace(
                                entry.Value.Text().Replace(Mounts, _folder.Path, StringComparison.Ordinal),
                                found => found.Groups["name"].Value == "AKKACHARGING_API_KEYS" ? ApiKeys : Password
                            ),
                    StringComparer.Ordinal
                )
        );

        await using var check = ServiceProcess.Launch(environments[0], _folder.Path, ["--check-config"]);

        Assert.True(await check.Process.ExitAsync() == 0, check.Process.Everything);
        Assert.DoesNotContain(check.Process.Error, line => line.Contains("cluster.", StringComparison.Ordinal));
        var names = SettingsEnvironment
            .PathsOf(SettingsLoader.ReadReference())
            .Select(SettingsEnvironment.NameOf)
            .ToHashSet(StringComparer.Ordinal);
        Assert.All(
            environments,
            environment => Assert.Subset(names, environment.Keys.ToHashSet(StringComparer.Ordinal))
        );
        var settings = environments.ConvertAll(environment =>
            SettingsLoader.Load(new SettingsSources(null, Development: false, environment, _folder.Path, _folder.Path))
        );
        Assert.Equal(3, nodes.Count);
        Assert.Equal(nodes.Select(node => node.Key), settings.Select(node => node.Cluster.Hostname));
        Assert.All(
            settings,
            node => Assert.Equal(nodes.Select(other => $"{other.Key}:{Port}"), node.Cluster.SeedNodes)
        );
        Assert.All(
            nodes,
            node =>
                Assert.True(
                    TimeSpan.FromSeconds(
                        int.Parse(node.Value.Text("stop_grace_period").TrimEnd('s'), CultureInfo.InvariantCulture)
                    ) > ChargingLifetime.Bound(settings[0].Server)
                )
        );
        // through the proxy alone
        Assert.All(nodes, node => Assert.DoesNotContain(node.Value.Entries(), entry => entry.Key == "ports"));
    }

    [Fact]
    public async Task Proxy_SendsToReadyNodesAlone_AndNoticesBeforeOneStops()
    {
        var proxy = await File.ReadAllTextAsync(Path.Combine(Manifests.Folder, "haproxy", "haproxy.cfg"));
        var probe = ProbeLine().Match(proxy);
        var interval = IntervalLine().Match(proxy);
        var nodes = _compose
            .Entries("services")
            .Where(service => service.Key.StartsWith("node-", StringComparison.Ordinal))
            .Select(service => service.Key);
        var delay = _compose.Text("services", "node-1", "environment", "SERVER_SHUTDOWN_DELAY_MILLIS");

        Assert.Equal(
            nodes.Select(node => $"{node} {node}:{SettingsLoader.Defaults.Server.Port}"),
            ServerLine().Matches(proxy).Select(match => match.Groups["server"].Value)
        );
        Assert.Equal(Container.Text("readinessProbe", "httpGet", "path"), probe.Groups["path"].Value);
        Assert.True(
            Number(interval, "seconds") * 1_000 * Number(interval, "fall")
                < int.Parse(delay, CultureInfo.InvariantCulture)
        );
        Assert.True(
            Number(ClientTimeoutLine().Match(proxy), "seconds")
                > SettingsLoader.Defaults.Server.RequestTimeout.TotalSeconds
        );
        Assert.True(
            Number(ServerTimeoutLine().Match(proxy), "seconds")
                > SettingsLoader.Defaults.Authorization.Timeout.TotalSeconds
        );
        Assert.True(
            Directory.Exists(
                Path.Combine(Manifests.Folder, _compose.Text("services", "proxy", "volumes", 0).Split(':')[0])
            )
        );
        Assert.Equal(["127.0.0.1:8080:8080"], _compose.Texts("services", "proxy", "ports"));
        Assert.Contains("bind :8080\n", proxy, StringComparison.Ordinal);

        static int Number(Match match, string group) =>
            int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task CertificateThatCannotBeOpened_IsRefused_ByTheCheckAndByTheStart()
    {
        WriteCertificate("node.p12");
        var settings = ScenarioFolder.Settings([
            .. JournalHome.OnPostgres("Host=127.0.0.1"),
            ("CLUSTER_ENABLED", "true"),
            ("CLUSTER_SEED_NODES", $"127.0.0.1:{Port}"),
            ("CLUSTER_TLS_CERTIFICATE_FILE", "node.p12"),
            ("CLUSTER_TLS_PASSWORD", "another"),
        ]);

        foreach (
            var arguments in (string[][])
                [
                    [],
                    ["--check-config"],
                ]
        )
        {
            await using var service = ServiceProcess.Launch(settings, _folder.Path, arguments);

            Assert.Equal(1, await service.Process.ExitAsync());
            Assert.Contains(
                service.Process.Error,
                line =>
                    line.StartsWith(
                        "cluster.tls.certificateFile = 'node.p12' cannot be read with cluster.tls.password: ",
                        StringComparison.Ordinal
                    )
            );
        }
    }

    /// <summary>The environment of a pod: what stands there, the pod's name, and secrets.</summary>
    private Dictionary<string, string> Environment(string pod) =>
        Container
            .Items("env")
            .ToDictionary(
                variable => variable.Text("name"),
                variable =>
                    variable.Entries().Any(entry => entry.Key == "value")
                        ? variable.Text("value").Replace("$(POD_NAME)", pod, StringComparison.Ordinal)
                        : variable.Text("name") switch
                        {
                            "SERVER_API_KEYS" => ApiKeys,
                            "JOURNAL_CONNECTION_STRING" => "Host=postgres",
                            "CLUSTER_TLS_PASSWORD" => Password,
                            "POD_NAME" => pod,
                            var name => throw new InvalidOperationException($"What is {name}?"),
                        },
                StringComparer.Ordinal
            );

    private void WriteCertificate(string file)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = new CertificateRequest("CN=node", key, HashAlgorithmName.SHA256).CreateSelfSigned(
            now.AddDays(-1),
            now.AddDays(1)
        );
        var path = Path.Combine(_folder.Path, file);
        File.WriteAllBytes(path, certificate.Export(X509ContentType.Pkcs12, Password));
        if (!OperatingSystem.IsWindows())
            // as docs/deployment.md has operators do
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [GeneratedRegex(@"\$\{(?<name>\w+):\?[^}]+\}", RegexOptions.ExplicitCapture)]
    private static partial Regex Required();

    [GeneratedRegex(@"^ +server (?<server>\S+ \S+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex ServerLine();

    [GeneratedRegex(
        @"^ +http-check send meth GET uri (?<path>\S+)$",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture
    )]
    private static partial Regex ProbeLine();

    [GeneratedRegex(@"check inter (?<seconds>\d+)s fall (?<fall>\d+) ", RegexOptions.ExplicitCapture)]
    private static partial Regex IntervalLine();

    [GeneratedRegex(@"^ +timeout client (?<seconds>\d+)s$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex ClientTimeoutLine();

    [GeneratedRegex(@"^ +timeout server (?<seconds>\d+)s$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex ServerTimeoutLine();
}
