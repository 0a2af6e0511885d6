using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using AkkaCharging.Host.Lifetime;
using AkkaCharging.Scenarios.Monitoring;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using YamlDotNet.RepresentationModel;

namespace AkkaCharging.Scenarios.Deployment;

/// <summary>
/// The deployments agree with the service: ports, paths, probes, names of settings, times, and settings that pass its
/// own check.
/// </summary>
[Trait("Category", "Scenario")]
public sealed partial class ManifestTests : IDisposable
{
    private const string ApiKeys =
        """[{"name":"app","sha256":"b79e696f4a664a4a41bfbd89f54f9b7cb0c06c90ebf81da4a846f52f7141eea0","""
        + "\"requestsPerSecond\":100}]";
    private const string Base64Of32Bytes = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    private static readonly HashSet<string> Variables = SettingsEnvironment
        .PathsOf(SettingsLoader.ReadReference())
        .Select(SettingsEnvironment.NameOf)
        .ToHashSet(StringComparer.Ordinal);
    private readonly ScenarioFolder _folder = new();
    private readonly string _dockerfile = File.ReadAllText(Path.Combine(Repository.Root, "Dockerfile"));
    private readonly YamlNode _pod = Manifests.Read("kubernetes", "deployment.yaml").At("spec", "template", "spec");
    private readonly YamlNode _compose = Manifests.Read("compose.yaml");

    private YamlNode Container => Assert.Single(_pod.Items("containers"));

    private YamlNode Service => _compose.At("services", "akkacharging");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Kustomization_HoldsEveryManifest_ButTheExampleOfASecret()
    {
        var files = Directory
            .EnumerateFiles(Manifests.Kubernetes)
            .Select(file => Path.GetFileName(file)!)
            .ToHashSet(StringComparer.Ordinal);

        Assert.All(files, file => Manifests.Read("kubernetes", file));
        Assert.Equal(
            files.Except(["kustomization.yaml", "secret.example.yaml"]).Order(StringComparer.Ordinal),
            Manifests.Read("kubernetes", "kustomization.yaml").Texts("resources").Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public void Pod_RunsAsTheImagesUser_WithoutPrivileges_AndWritesTheJournalAlone()
    {
        var defaults = SettingsLoader.Defaults;
        var user = UserLine().Match(_dockerfile);

        Assert.Equal(
            [
                user.Groups["user"].Value,
                user.Groups["group"].Value,
                user.Groups["group"].Value,
                "true",
                "RuntimeDefault",
            ],
            new object[][]
            {
                ["runAsUser"],
                ["runAsGroup"],
                ["fsGroup"],
                ["runAsNonRoot"],
                ["seccompProfile", "type"],
            }.Select(path => _pod.At("securityContext").Text(path))
        );
        Assert.Equal(
            ("true", "false"),
            (
                Container.Text("securityContext", "readOnlyRootFilesystem"),
                Container.Text("securityContext", "allowPrivilegeEscalation")
            )
        );
        Assert.Equal(["ALL"], Container.Texts("securityContext", "capabilities", "drop"));
        Assert.Equal(("false", "false"), (_pod.Text("enableServiceLinks"), _pod.Text("automountServiceAccountToken")));
        var written = Assert.Single(
            Container.Items("volumeMounts"),
            mount => !mount.Entries().Any(entry => entry.Key == "readOnly")
        );
        Assert.Equal(VolumeLine().Match(_dockerfile).Groups["path"].Value, written.Text("mountPath"));
        Assert.Equal(
            written.Text("mountPath"),
            Path.GetDirectoryName(
                Path.Combine(DirectoryLine().Match(_dockerfile).Groups["path"].Value, defaults.Journal.Path)
            )
        );
        Assert.DoesNotContain("ALLOW_ANONYMOUS", _dockerfile, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kubernetes", "deployment.yaml")]
    [InlineData("kubernetes-cluster", "statefulset.yaml")]
    public void Pod_TriesANameAsItStands_BeforeItIsCompleted(string folder, string file)
    {
        var option = Assert.Single(
            Manifests.Read(folder, file).Items("spec", "template", "spec", "dnsConfig", "options")
        );

        Assert.Equal(("ndots", "1"), (option.Text("name"), option.Text("value")));
    }

    [Fact]
    public async Task Ports_AndProbes_AreTheServices()
    {
        var defaults = SettingsLoader.Defaults;
        var port = defaults.Server.Port.ToString(CultureInfo.InvariantCulture);
        var kubernetesService = Manifests.Read("kubernetes", "service.yaml");
        var network = Manifests.Read("kubernetes", "network.yaml").At("spec");

        Assert.Equal((port, "http"), (Container.Text("ports", 0, "containerPort"), Container.Text("ports", 0, "name")));
        Assert.Equal("http", kubernetesService.Text("spec", "ports", 0, "targetPort"));
        Assert.Contains($"EXPOSE {port}\n", _dockerfile, StringComparison.Ordinal);
        Assert.Equal([$"127.0.0.1:{port}:{port}"], Service.Texts("ports"));
        Assert.Equal(port, network.Text("ingress", 0, "ports", 0, "port"));
        Assert.Equal(
            defaults.Callback.Security.AllowedPorts.Select(allowed => $"{allowed}"),
            network.Items("egress", 1, "ports").Select(item => item.Text("port"))
        );
        Assert.Contains(
            $"akkacharging:{port}",
            File.ReadAllText(Path.Combine(Deployed.PrometheusFolder, "prometheus.yml")),
            StringComparison.Ordinal
        );

        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(("JOURNAL_KIND", "memory")),
            _folder.Path
        );
        foreach (var probe in new[] { "startupProbe", "livenessProbe", "readinessProbe" })
        {
            Assert.Equal("http", Container.Text(probe, "httpGet", "port"));
            Assert.Equal(HttpStatusCode.OK, await service.StatusOfAsync(Container.Text(probe, "httpGet", "path")));
        }
    }

    [Fact]
    public async Task KubernetesSettings_PassTheCheck_WithoutAWarning_AndStopInsideTheGracePeriod()
    {
        const string Mounts = "/etc/akkacharging";
        var environment = Container
            .Items("env")
            .ToDictionary(variable => variable.Text("name"), _ => ApiKeys, StringComparer.Ordinal);
        Assert.Equal(["SERVER_API_KEYS"], environment.Keys);
        var text = Manifests.Read("kubernetes", "config.yaml").Text("data", "application.conf");
        foreach (
            var mount in Container
                .Items("volumeMounts")
                .Select(mount => mount.Text("mountPath"))
                .Where(path => path.StartsWith(Mounts, StringComparison.Ordinal))
        )
            Directory.CreateDirectory(_folder.Path + mount);
        _folder.Write("etc/akkacharging/acl/acl.csv", "token,stations,valid_from,valid_until,state\n");
        _folder.Write("etc/akkacharging/signing/keys", $"whsec_{Base64Of32Bytes}\n");
        _folder.Write("etc/akkacharging/journal/key", $"{Base64Of32Bytes}\n");
        _folder.Write(
            "etc/akkacharging/settings/application.conf",
            text.Replace(Mounts, _folder.Path + Mounts, StringComparison.Ordinal)
        );
        var file = _folder.Path + Container.Texts("args")[1];
        Manifests.SetModesOfSecrets(_pod, _folder.Path);

        await using var check = ServiceProcess.Launch(environment, _folder.Path, ["--config", file, "--check-config"]);

        Assert.True(await check.Process.ExitAsync() == 0, check.Process.Everything);
        Assert.Empty(check.Process.Error);
        var settings = SettingsLoader.Load(
            new SettingsSources(file, Development: false, environment, _folder.Path, _folder.Path)
        );
        Assert.True(Seconds(_pod.Text("terminationGracePeriodSeconds")) > ChargingLifetime.Bound(settings.Server));
        Assert.Equal(
            VolumeLine().Match(_dockerfile).Groups["path"].Value,
            Path.GetDirectoryName(
                Path.Combine(DirectoryLine().Match(_dockerfile).Groups["path"].Value, settings.Journal.Path)
            )
        );
        Assert.Equal(
            ("1", "Recreate"),
            (
                Manifests.Read("kubernetes", "deployment.yaml").Text("spec", "replicas"),
                Manifests.Read("kubernetes", "deployment.yaml").Text("spec", "strategy", "type")
            )
        );
    }

    [Theory]
    [InlineData("compose.yaml")]
    [InlineData("compose.yaml", "compose.tls.yaml")]
    public async Task ComposeSettings_PassTheCheck_AndStopInsideTheGracePeriod(params string[] files)
    {
        var environment = files
            .SelectMany(file => Manifests.Read(file).Entries("services", "akkacharging", "environment"))
            .ToDictionary(
                entry => entry.Key,
                entry =>
                    Required()
                        .Replace(
                            entry.Value.Text().Replace("/etc/akkacharging", _folder.Path, StringComparison.Ordinal),
                            found => found.Groups["name"].Value == "AKKACHARGING_API_KEYS" ? ApiKeys : "pass"
                        ),
                StringComparer.Ordinal
            );
        _folder.Write("journal-key", $"{Base64Of32Bytes}\n");
        _folder.Write("signing-keys", $"whsec_{Base64Of32Bytes}\n");
        WriteCertificate();

        await using var check = ServiceProcess.Launch(environment, _folder.Path, ["--check-config"]);

        Assert.True(await check.Process.ExitAsync() == 0, check.Process.Everything);
        Assert.Equal(
            files.Length == 2,
            SettingsLoader
                .Load(new SettingsSources(null, Development: false, environment, _folder.Path, _folder.Path))
                .Server.Tls.IsOn
        );
        Assert.Subset(Variables, environment.Keys.ToHashSet(StringComparer.Ordinal));
        Assert.True(
            Seconds(Service.Text("stop_grace_period").TrimEnd('s'))
                > ChargingLifetime.Bound(SettingsLoader.Defaults.Server)
        );
    }

    [Fact]
    public void ComposeWithTls_PublishesTheServiceAlone_AndIsScrapedOverTls()
    {
        var services = Manifests.Read("compose.tls.yaml").At("services");
        var scraped = Manifests.Read("prometheus", "prometheus.tls.yml").At("scrape_configs", 0);
        var plain = Manifests.Read("prometheus", "prometheus.yml").At("scrape_configs", 0);

        Assert.Equal(["akkacharging", "prometheus"], services.Entries().Select(service => service.Key));
        Assert.Equal([$"443:{SettingsLoader.Defaults.Server.Port}"], services.Texts("akkacharging", "ports"));
        Assert.DoesNotContain(services.Entries("prometheus"), entry => entry.Key == "ports");
        Assert.Contains("--config.file=/etc/prometheus/prometheus.tls.yml", services.Texts("prometheus", "command"));
        Assert.Equal("https", scraped.Text("scheme"));
        Assert.Equal(plain.At("static_configs"), scraped.At("static_configs"));
    }

    [Theory]
    [InlineData("compose.yaml")]
    [InlineData("compose.cluster.yaml")]
    public void Compose_PinsItsImages_HoldsNoSecret_AndIsReachableFromThisMachineAlone(string file)
    {
        Assert.All(
            Manifests.Read(file).Entries("services"),
            service =>
            {
                var keys = service.Value.Entries().Select(entry => entry.Key).ToHashSet(StringComparer.Ordinal);
                Assert.Matches(@"^[\w/]+:v?\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$", service.Value.Text("image"));
                Assert.Equal(
                    ("true", "ALL", "no-new-privileges:true"),
                    (
                        service.Value.Text("read_only"),
                        service.Value.Text("cap_drop", 0),
                        service.Value.Text("security_opt", 0)
                    )
                );
                Assert.True(
                    service.Value.Text("image").StartsWith("akkacharging:", StringComparison.Ordinal)
                        || keys.Contains("healthcheck"),
                    $"{service.Key}: no health check"
                ); // that one's is in its image
                if (keys.Contains("ports"))
                    Assert.All(
                        service.Value.Texts("ports"),
                        port => Assert.StartsWith("127.0.0.1:", port, StringComparison.Ordinal)
                    );
                if (keys.Contains("environment"))
                    Assert.All(
                        service.Value.Entries("environment").Where(entry => SecretName().IsMatch(entry.Key)),
                        entry => Assert.Matches(Required(), entry.Value.Text())
                    );
            }
        );
        Assert.All(
            Reference().Matches(File.ReadAllText(Path.Combine(Manifests.Folder, file))),
            reference => Assert.Matches(Required(), reference.Value)
        );
    }

    [Fact]
    public void Mounts_OfCompose_AreThere_AndGrafanaFindsItsDashboard()
    {
        var mounts = _compose
            .Entries("services")
            .Where(service => service.Value.Entries().Any(entry => entry.Key == "volumes"))
            .SelectMany(service => service.Value.Texts("volumes"))
            .Where(mount => mount.StartsWith("./", StringComparison.Ordinal))
            .Select(mount => mount.Split(':'))
            .ToList();
        var provider = Manifests.Read("grafana", "provisioning", "dashboards", "akkacharging.yaml");

        Assert.All(
            mounts.Where(mount => mount[0] != "./secrets"),
            mount => Assert.True(Path.Exists(Path.Combine(Manifests.Folder, mount[0])), mount[0])
        );
        Assert.Contains(
            mounts,
            mount => Path.GetDirectoryName(mount[1]) == provider.Text("providers", 0, "options", "path")
        );
        Assert.Equal(
            "http://prometheus:9090",
            Manifests.Read("grafana", "provisioning", "datasources", "prometheus.yaml").Text("datasources", 0, "url")
        );
    }

    [Theory]
    [InlineData("169.254.169.254")]
    [InlineData("168.63.129.16")]
    [InlineData("192.0.0.192")]
    [InlineData("198.18.0.1")]
    [InlineData("198.19.255.255")]
    [InlineData("10.0.0.1")]
    [InlineData("100.100.100.200")]
    [InlineData("172.31.255.255")]
    [InlineData("192.168.1.1")]
    [InlineData("127.0.0.1")]
    [InlineData("fd00:ec2::254")]
    [InlineData("fe80::1")]
    public void NetworkPolicy_LetsCallbacksReachNothingInside(string address)
    {
        var blocks = Manifests
            .Read("kubernetes", "network.yaml")
            .Items("spec", "egress", 1, "to")
            .Select(to => to.At("ipBlock"))
            .ToList();

        Assert.True(Lets("8.8.8.8") && Lets("2606:4700::1111"));
        Assert.False(Lets(address));

        bool Lets(string to) =>
            blocks.Any(block =>
                IPNetwork.Parse(block.Text("cidr")).Contains(IPAddress.Parse(to))
                && !block
                    .Entries()
                    .Any(entry =>
                        entry.Key == "except"
                        && block.Texts("except").Any(except => IPNetwork.Parse(except).Contains(IPAddress.Parse(to)))
                    )
            );
    }

    [Fact]
    public void PackagesOfMicrosoft_HaveTheServicingReleaseOfTheRuntimeImage()
    {
        var image = RuntimeImage().Match(File.ReadAllText(Path.Combine(Repository.Root, "Dockerfile"))).Groups[
            "release"
        ];
        var versions = XDocument
            .Load(Path.Combine(Repository.Root, "Directory.Packages.props"))
            .Descendants("PackageVersion")
            .Where(package =>
                (string?)package.Attribute("Include") is "Microsoft.AspNetCore.OpenApi" or "Microsoft.Data.Sqlite"
            )
            .Select(package => (string?)package.Attribute("Version"));

        Assert.Equal([image.Value, image.Value], versions);
    }

    [Fact]
    public void ImagesOfOthers_ArePinnedToTheirContent()
    {
        var images = Directory
            .EnumerateFiles(Manifests.Folder, "compose*.yaml")
            .Append(Path.Combine(Repository.Root, "Dockerfile"))
            .SelectMany(file => ImageLine().Matches(File.ReadAllText(file)))
            .Select(line => line.Groups["image"].Value)
            .Where(image => !image.StartsWith("akkacharging", StringComparison.Ordinal))
            .ToList();

        Assert.True(images.Count >= 7, $"{images.Count} images were found");
        Assert.All(images, image => Assert.Matches(@"^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$", image));
    }

    /// <summary>The files that the TLS overlay names.</summary>
    private void WriteCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = new CertificateRequest(
            "CN=charging.example.com",
            key,
            HashAlgorithmName.SHA256
        ).CreateSelfSigned(now.AddDays(-1), now.AddDays(90));
        Directory.CreateDirectory(Path.Combine(_folder.Path, "tls"));
        _folder.Write("tls/fullchain.pem", certificate.ExportCertificatePem());
        _folder.Write("tls/key.pem", key.ExportPkcs8PrivateKeyPem());
    }

    [GeneratedRegex(
        @"^(ARG \w+_IMAGE=| +image: )(?<image>\S+)$",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture
    )]
    private static partial Regex ImageLine();

    [GeneratedRegex(
        @"^ARG RUNTIME_IMAGE=\S+/aspnet:(?<release>[\d.]+)-",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture
    )]
    private static partial Regex RuntimeImage();

    private static TimeSpan Seconds(string number) =>
        TimeSpan.FromSeconds(int.Parse(number, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"^USER (?<user>\d+):(?<group>\d+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex UserLine();

    [GeneratedRegex(@"^VOLUME (?<path>\S+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex VolumeLine();

    [GeneratedRegex(@"^WORKDIR (?<path>/var\S+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex DirectoryLine();

    /// <summary>A variable of Compose, and one that it refuses to start without.</summary>
    [GeneratedRegex(@"\$\{[^}]*\}")]
    private static partial Regex Reference();

    [GeneratedRegex(@"\$\{(?<name>\w+):\?[^}]+\}", RegexOptions.ExplicitCapture)]
    private static partial Regex Required();

    [GeneratedRegex("PASSWORD|KEYS$|TOKEN|CONNECTION_STRING")]
    private static partial Regex SecretName();
}
