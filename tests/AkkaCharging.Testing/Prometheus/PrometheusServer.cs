using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace AkkaCharging.Testing.Prometheus;

/// <summary>One series of a query's answer.</summary>
/// <param name="Value">At the time of the query.</param>
internal sealed record Sample(IReadOnlyDictionary<string, string> Labels, double Value);

/// <summary>
/// A Prometheus of this test run, on a free loopback port: it scrapes and evaluates once a second, and forgets all in
/// the end.
/// </summary>
internal sealed class PrometheusServer : IAsyncDisposable
{
    private readonly string _folder;
    private readonly ChildProcess _process;
    private readonly HttpClient _http;

    private PrometheusServer(string folder, ChildProcess process, int port)
    {
        (_folder, _process) = (folder, process);
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false })
        {
            BaseAddress = new Uri(Invariant($"http://127.0.0.1:{port}")),
        };
    }

    /// <param name="ports">Of the services on loopback to scrape.</param>
    /// <param name="rules">Text of a file of rules; null for none.</param>
    public static async Task<PrometheusServer> StartAsync(IEnumerable<int> ports, string? rules = null)
    {
        var folder = Directory.CreateTempSubdirectory("akkacharging-prometheus-").FullName;
        var targets = string.Join(", ", ports.Select(port => Invariant($"'127.0.0.1:{port}'")));
        await File.WriteAllTextAsync(Path.Combine(folder, "rules.yml"), rules ?? "groups: []");
        await File.WriteAllTextAsync(
            Path.Combine(folder, "prometheus.yml"),
            $$"""
            global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
            rule_files: [rules.yml]
            scrape_configs: [{ job_name: akkacharging, static_configs: [{ targets: [{{targets}}] }] }]
            """
        );
        while (true)
        {
            var port = FreePort.Next();
            var process = ChildProcess.StartProgram(
                [
                    PrometheusTools.Find("prometheus"),
                    "--config.file=prometheus.yml",
                    "--storage.tsdb.path=data",
                    Invariant($"--web.listen-address=127.0.0.1:{port}"),
                ],
                folder
            );
            var server = new PrometheusServer(folder, process, port);
            try
            {
                await Eventually.HoldsAsync(
                    async () => process.HasExited || await server.IsReadyAsync(),
                    "Prometheus is ready"
                );
                if (!process.HasExited)
                    return server;

                await process.ExitAsync();
                if (!process.Everything.Contains("address already in use", StringComparison.Ordinal))
                    throw new InvalidOperationException($"Prometheus did not start:\n{process.Everything}");
            }
            catch
            {
                await server.DisposeAsync();
                throw;
            }
        }
    }

    /// <summary>The series that <paramref name="expression"/> gives at present.</summary>
    /// <exception cref="InvalidOperationException">Prometheus cannot evaluate it.</exception>
    public async Task<IReadOnlyList<Sample>> QueryAsync(string expression)
    {
        var data = await GetAsync($"/api/v1/query?query={Uri.EscapeDataString(expression)}");
        if (data.GetProperty("resultType").GetString() != "vector")
            throw new InvalidOperationException($"{expression} is no vector");
        return
        [
            .. data.GetProperty("result")
                .EnumerateArray()
                .Select(series => new Sample(
                    Labels(series.GetProperty("metric")),
                    double.Parse(series.GetProperty("value")[1].GetString()!, CultureInfo.InvariantCulture)
                )),
        ];
    }

    /// <summary>The series that <paramref name="selector"/> has selected so far.</summary>
    public async Task<IReadOnlyList<IReadOnlyDictionary<string, string>>> SeriesAsync(string selector) =>
        [
            .. (await GetAsync($"/api/v1/series?match[]={Uri.EscapeDataString(selector)}"))
                .EnumerateArray()
                .Select(Labels),
        ];

    /// <summary>The rules that it was given, in its own reading.</summary>
    public async Task<IReadOnlyList<(string Name, string Query)>> RulesAsync() =>
        [
            .. (await GetAsync("/api/v1/rules"))
                .GetProperty("groups")
                .EnumerateArray()
                .SelectMany(group => group.GetProperty("rules").EnumerateArray())
                .Select(rule => (rule.GetProperty("name").GetString()!, rule.GetProperty("query").GetString()!)),
        ];

    /// <summary>Alerts that fire at present, by their labels.</summary>
    public async Task<IReadOnlyList<IReadOnlyDictionary<string, string>>> FiringAsync() =>
        [
            .. (await GetAsync("/api/v1/alerts"))
                .GetProperty("alerts")
                .EnumerateArray()
                .Where(alert => alert.GetProperty("state").GetString() == "firing")
                .Select(alert => Labels(alert.GetProperty("labels"))),
        ];

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _process.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<JsonElement> GetAsync(string path)
    {
        using var response = await _http.GetAsync(path);
        var answer = await response.Content.ReadFromJsonAsync<JsonElement>();
        return answer.GetProperty("status").GetString() == "success"
            ? answer.GetProperty("data")
            : throw new InvalidOperationException(
                $"{Uri.UnescapeDataString(path)}: {answer.GetProperty("error").GetString()}"
            );
    }

    private async Task<bool> IsReadyAsync()
    {
        try
        {
            using var response = await _http.GetAsync("/-/ready");
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static Dictionary<string, string> Labels(JsonElement labels) =>
        labels
            .EnumerateObject()
            .ToDictionary(label => label.Name, label => label.Value.GetString()!, StringComparer.Ordinal);

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
