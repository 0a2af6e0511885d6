using AkkaCharging.Testing;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace AkkaCharging.Scenarios.Deployment;

/// <summary>The YAML files under <c>deploy</c>.</summary>
internal static class Manifests
{
    public static string Folder { get; } = Path.Combine(Repository.Root, "deploy");

    public static string Kubernetes { get; } = Path.Combine(Folder, "kubernetes");

    /// <summary>The one document of a file, with what its merge keys bring.</summary>
    public static YamlNode Read(params ReadOnlySpan<string> path)
    {
        using var reader = File.OpenText(Path.Combine([Folder, .. path]));
        var stream = new YamlStream();
        stream.Load(new MergingParser(new Parser(reader)));
        return Assert.Single(stream.Documents).RootNode;
    }

    /// <summary>What stands at a path of keys and, for items of lists, numbers; it has to be there.</summary>
    public static YamlNode At(this YamlNode node, params ReadOnlySpan<object> path)
    {
        foreach (var step in path)
            node = step is int index ? node[index] : node[(string)step];
        return node;
    }

    public static string Text(this YamlNode node, params ReadOnlySpan<object> path) =>
        ((YamlScalarNode)node.At(path)).Value!;

    public static IReadOnlyList<string> Texts(this YamlNode node, params ReadOnlySpan<object> path) =>
        [.. ((YamlSequenceNode)node.At(path)).Select(item => item.Text())];

    public static IEnumerable<YamlNode> Items(this YamlNode node, params ReadOnlySpan<object> path) =>
        ((YamlSequenceNode)node.At(path)).Children;

    public static IEnumerable<(string Key, YamlNode Value)> Entries(
        this YamlNode node,
        params ReadOnlySpan<object> path
    ) => ((YamlMappingNode)node.At(path)).Children.Select(entry => (entry.Key.Text(), entry.Value));

    /// <summary>
    /// Gives the files of each secret that a pod mounts below <paramref name="folder"/> the mode that they have in the
    /// pod.
    /// </summary>
    public static void SetModesOfSecrets(YamlNode pod, string folder)
    {
        var mounts = pod.Items("containers").SelectMany(container => container.Items("volumeMounts")).ToList();
        foreach (
            var volume in pod.Items("volumes").Where(volume => volume.Entries().Any(entry => entry.Key is "secret"))
        )
        {
            var mode = (UnixFileMode)Convert.ToInt32(volume.Text("secret", "defaultMode"), fromBase: 8);
            foreach (var mount in mounts.Where(mount => mount.Text("name") == volume.Text("name")))
            {
                foreach (var file in Directory.GetFiles(folder + mount.Text("mountPath")))
                {
                    if (!OperatingSystem.IsWindows())
                        File.SetUnixFileMode(file, mode);
                }
            }
        }
    }
}
