using System.Text.RegularExpressions;
using AkkaCharging.Testing;
using YamlDotNet.RepresentationModel;

namespace AkkaCharging.Scenarios.Deployment;

/// <summary>
/// The Helm chart, with its own values, is the manifests of <c>deploy/kubernetes</c> and its relatives. Its templates
/// use three things alone, so that this test needs no Helm: a value in place, a file that is left out as a whole, and
/// the list of environment variables, which the chart's own values leave empty.
/// </summary>
[Trait("Category", "Scenario")]
public sealed partial class ChartTests
{
    private const string Chart = "helm/akkacharging";
    private static readonly YamlNode Values = Manifests.Read(Chart, "values.yaml");

    public static TheoryData<string, string, string> Templates { get; } =
        new()
        {
            { "service.yaml", "kubernetes/service.yaml", "" },
            { "network.yaml", "kubernetes/network.yaml", "" },
            { "standalone/config.yaml", "kubernetes/config.yaml", "not .Values.cluster.enabled" },
            { "standalone/deployment.yaml", "kubernetes/deployment.yaml", "not .Values.cluster.enabled" },
            { "standalone/disruption.yaml", "kubernetes/disruption.yaml", "not .Values.cluster.enabled" },
            { "standalone/journal.yaml", "kubernetes/journal.yaml", "not .Values.cluster.enabled" },
            { "cluster/config.yaml", "kubernetes-cluster/config.yaml", ".Values.cluster.enabled" },
            { "cluster/disruption.yaml", "kubernetes-cluster/disruption.yaml", ".Values.cluster.enabled" },
            { "cluster/network.yaml", "kubernetes-cluster/network.yaml", ".Values.cluster.enabled" },
            { "cluster/nodes.yaml", "kubernetes-cluster/nodes.yaml", ".Values.cluster.enabled" },
            { "cluster/statefulset.yaml", "kubernetes-cluster/statefulset.yaml", ".Values.cluster.enabled" },
            { "ingress.yaml", "kubernetes-extras/ingress.yaml", ".Values.ingress.enabled" },
            { "servicemonitor.yaml", "kubernetes-extras/servicemonitor.yaml", ".Values.serviceMonitor.enabled" },
        };

    [Theory]
    [MemberData(nameof(Templates))]
    public void Template_IsTheManifest(string template, string manifest, string condition)
    {
        var (when, body) = Parts(template);
        var expected = Manifests.Read(manifest);
        if (expected.Text("kind") is "Deployment" or "StatefulSet")
            Image(expected).Value = $"akkacharging:{ProductVersion.Text}";
        if (template == "standalone/journal.yaml") // kubectl deletes only what it is told to delete
            ((YamlMappingNode)expected.At("metadata")).Add(
                "annotations",
                new YamlMappingNode("helm.sh/resource-policy", "keep")
            );
        if (template == "cluster/disruption.yaml")
            expected = Merged(Manifests.Read("kubernetes", "disruption.yaml"), expected);

        Assert.Equal(condition, when);
        Assert.Equal(Text(expected), Text(Parsed(body)));
    }

    [Fact]
    public void EveryTemplate_IsHeld_AndEveryManifestHasOne()
    {
        string[] notInTheChart =
        [
            "kubernetes/kustomization.yaml",
            "kubernetes/namespace.yaml", // helm install --create-namespace
            "kubernetes/secret.example.yaml",
            "kubernetes-cluster/deployment.yaml", // deletes the single node's
            "kubernetes-cluster/journal.yaml",
            "kubernetes-cluster/kustomization.yaml",
            "kubernetes-cluster/secret.example.yaml",
        ];

        Assert.Equal(
            FilesBelow(Path.Combine(Manifests.Folder, Chart, "templates")),
            Templates.Select(row => (string)row[0]).Order(StringComparer.Ordinal)
        );
        Assert.Equal(
            Directory
                .EnumerateDirectories(Manifests.Folder, "kubernetes*")
                .SelectMany(folder => FilesBelow(folder).Select(file => $"{Path.GetFileName(folder)}/{file}"))
                .Order(StringComparer.Ordinal),
            Templates.Select(row => (string)row[1]).Concat(notInTheChart).Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public void EveryValue_IsUsed()
    {
        var used = Templates
            .SelectMany(row => Value().Matches(File.ReadAllText(PathOf((string)row[0]))))
            .Select(match => match.Groups["path"].Value)
            .Distinct();

        Assert.Equal(Leaves(Values, "").Order(StringComparer.Ordinal), used.Order(StringComparer.Ordinal));

        static IEnumerable<string> Leaves(YamlNode node, string path) =>
            node is YamlMappingNode { Children.Count: > 0 }
                ? node.Entries().SelectMany(entry => Leaves(entry.Value, $"{path}.{entry.Key}".TrimStart('.')))
                : [path];
    }

    /// <summary>Directory.Build.props has the version; what cannot read it there repeats it.</summary>
    [Fact]
    public void Version_IsThatOfTheBuild_WhereverAnImageIsNamed()
    {
        var chart = Manifests.Read(Chart, "Chart.yaml");
        string[] named =
        [
            chart.Text("version"),
            chart.Text("appVersion"),
            Values.Text("image", "tag"),
            Manifests.Read("kubernetes", "kustomization.yaml").Text("images", 0, "newTag"),
            Manifests.Read("kubernetes-cluster", "kustomization.yaml").Text("images", 0, "newTag"),
            Manifests.Read("compose.yaml").Text("services", "akkacharging", "image").Split(':')[1],
            Manifests.Read("compose.cluster.yaml").Text("services", "node-1", "image").Split(':')[1],
            VersionLine().Match(File.ReadAllText(Path.Combine(Repository.Root, "Dockerfile"))).Groups["version"].Value,
        ];

        Assert.All(named, version => Assert.Equal(ProductVersion.Text, version));
    }

    private static string PathOf(string template) => Path.Combine(Manifests.Folder, Chart, "templates", template);

    private static IEnumerable<string> FilesBelow(string folder) =>
        Directory
            .EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(folder, file))
            .Order(StringComparer.Ordinal);

    /// <summary>When a template is used, "" for always, and what it is then with the chart's own values.</summary>
    private static (string Condition, string Body) Parts(string template)
    {
        var text = File.ReadAllText(PathOf(template));
        var parts = Whole().Match(text);
        var body = (parts.Success ? parts.Groups["body"].Value : text).Replace(
            "{{- .Values.settings | nindent 4 }}",
            Values.Text("settings"),
            StringComparison.Ordinal
        );
        Assert.Empty(Values.Entries("environment"));
        body = Environment().Replace(body, "");
        body = Value().Replace(body, value => Values.Text([.. value.Groups["path"].Value.Split('.')]));
        Assert.DoesNotContain("{{", body, StringComparison.Ordinal);
        return (parts.Groups["condition"].Value, body);
    }

    private static YamlNode Parsed(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return Assert.Single(stream.Documents).RootNode;
    }

    private static YamlScalarNode Image(YamlNode workload) =>
        (YamlScalarNode)workload.At("spec", "template", "spec", "containers", 0, "image");

    /// <summary>A manifest with a patch laid over its spec, in which null takes a field away.</summary>
    private static YamlNode Merged(YamlNode manifest, YamlNode patch)
    {
        var spec = (YamlMappingNode)manifest.At("spec");
        foreach (var (key, value) in patch.Entries("spec"))
        {
            spec.Children.Remove(key);
            if (value.Text() != "null")
                spec.Add(key, value);
        }

        return manifest;
    }

    /// <summary>One text for manifests that mean the same, whatever the order of keys and the style.</summary>
    private static string Text(YamlNode node) =>
        node switch
        {
            YamlMappingNode => string.Join(
                "\n",
                node.Entries()
                    .OrderBy(entry => entry.Key, StringComparer.Ordinal)
                    .Select(entry => $"{entry.Key}: {{{Text(entry.Value)}}}")
            ),
            YamlSequenceNode list => $"[{string.Join(", ", list.Select(Text))}]",
            _ => node.Text().TrimEnd(),
        };

    [GeneratedRegex(
        @"\A\{\{- if (?<condition>[^}]+) \}\}\n(?<body>.*)\{\{- end \}\}\n\z",
        RegexOptions.Singleline | RegexOptions.ExplicitCapture
    )]
    private static partial Regex Whole();

    [GeneratedRegex(
        @"\{\{-? (?:if )?(?:not )?(?:range \$name, \$value := )?\.Values\.(?<path>[\w.]+)(?: \| nindent 4)? \}\}",
        RegexOptions.ExplicitCapture
    )]
    private static partial Regex Value();

    [GeneratedRegex(
        @"\n +\{\{- range \$name, \$value := \.Values\.environment \}\}\n.*?\{\{- end \}\}",
        RegexOptions.Singleline
    )]
    private static partial Regex Environment();

    [GeneratedRegex(@"^ARG VERSION=(?<version>\S+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex VersionLine();
}
