using System.Globalization;
using System.Text;
using System.Text.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.Signing;

/// <summary>A callback as a receiver would hand it to a verifier, with the key that it knows.</summary>
internal sealed record SignedCallback(string Key, IReadOnlyDictionary<string, string> Headers, string Body);

/// <summary>Says of each callback whether its signature holds.</summary>
internal delegate Task<IReadOnlyList<bool>> WebhookVerifier(IReadOnlyList<SignedCallback> callbacks);

/// <summary>Implementations of Standard Webhooks that are not the service's.</summary>
internal static class WebhookVerifiers
{
    private static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    private const string PythonHarness = """

        import json, sys
        callbacks = json.load(sys.stdin)
        print(json.dumps([is_genuine(c["key"], c["headers"], c["body"].encode()) for c in callbacks]))
        """;

    private const string NodeHarness = """

        import { readFileSync } from 'node:fs';
        const callbacks = JSON.parse(readFileSync(0, 'utf8'));
        console.log(JSON.stringify(callbacks.map(c => isGenuine(c.key, c.headers, Buffer.from(c.body)))));
        """;

    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "standard-webhooks");

    /// <summary>
    /// The standard as the tests read it; and the package of its authors, where <c>test.sh</c> could install it.
    /// </summary>
    public static IReadOnlyDictionary<string, WebhookVerifier> Available { get; } = Find();

    private static Dictionary<string, WebhookVerifier> Find()
    {
        var found = new Dictionary<string, WebhookVerifier>(StringComparer.Ordinal)
        {
            ["plain"] = callbacks => Task.FromResult<IReadOnlyList<bool>>([.. callbacks.Select(VerifyPlainly)]),
        };
        found.Add("docs/receivers.md, C#", DocumentedReceiver.VerifyAsync);
        found.Add("docs/receivers.md, Python", callbacks => RunSnippetAsync("python", "py", PythonHarness, callbacks));
        if (!HasNode())
            return found;
        found.Add("docs/receivers.md, Node", callbacks => RunSnippetAsync("javascript", "mjs", NodeHarness, callbacks));
        if (Directory.Exists(Path.Combine(Folder, "node_modules", "standardwebhooks")))
            found.Add("standardwebhooks", callbacks => RunAsync("node", Path.Combine(Folder, "verify.js"), callbacks));
        return found;
    }

    /// <summary>Runs the code that docs/receivers.md shows.</summary>
    private static async Task<IReadOnlyList<bool>> RunSnippetAsync(
        string language,
        string extension,
        string harness,
        IReadOnlyList<SignedCallback> callbacks
    )
    {
        var script = Path.Combine(Path.GetTempPath(), $"akkacharging-{Guid.NewGuid():N}.{extension}");
        await File.WriteAllTextAsync(script, DocumentedReceiver.Snippet(language) + harness);
        try
        {
            return await RunAsync(extension == "py" ? "python3" : "node", script, callbacks);
        }
        finally
        {
            File.Delete(script);
        }
    }

    private static bool VerifyPlainly(SignedCallback callback)
    {
        var (id, timestamp) = (callback.Headers["webhook-id"], callback.Headers["webhook-timestamp"]);
        var age =
            TimeProvider.System.GetUtcNow()
            - DateTimeOffset.FromUnixTimeSeconds(long.Parse(timestamp, CultureInfo.InvariantCulture));
        var mac = PlainHmac.Compute(
            Convert.FromBase64String(callback.Key["whsec_".Length..]),
            Encoding.UTF8.GetBytes($"{id}.{timestamp}.{callback.Body}")
        );
        return age.Duration() < Tolerance
            && callback
                .Headers["webhook-signature"]
                .Split(' ')
                .Contains($"v1,{Convert.ToBase64String(mac)}", StringComparer.Ordinal);
    }

    private static async Task<IReadOnlyList<bool>> RunAsync(
        string program,
        string script,
        IReadOnlyList<SignedCallback> callbacks
    )
    {
        var (exitCode, output, error) = await PipedProgram.RunAsync(
            program,
            [script],
            Path.GetDirectoryName(script)!,
            JsonSerializer.Serialize(callbacks, Json),
            Patience
        );
        return exitCode == 0
            ? JsonSerializer.Deserialize<List<bool>>(output)!
            : throw new InvalidOperationException($"{script} failed: {error}");
    }

    private static bool HasNode() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .Any(folder => File.Exists(Path.Combine(folder, "node")));
}
