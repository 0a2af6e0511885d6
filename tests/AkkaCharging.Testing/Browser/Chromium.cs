using System.Globalization;

namespace AkkaCharging.Testing.Browser;

/// <summary>
/// The machine's own Chromium without a window: pages are opened in it and used as people use them. Its data is deleted
/// at the end.
/// </summary>
internal sealed class Chromium : IAsyncDisposable
{
    private readonly string _folder;
    private readonly ChildProcess _process;
    private readonly HttpClient _http;

    private Chromium(string folder, ChildProcess process, int port)
    {
        (_folder, _process) = (folder, process);
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false })
        {
            BaseAddress = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}")),
        };
    }

    /// <exception cref="InvalidOperationException">It is not installed, or does not start.</exception>
    public static async Task<Chromium> StartAsync()
    {
        var program = Find();
        var folder = Directory.CreateTempSubdirectory("akkacharging-chromium-").FullName;

        // Without its sandbox, which a container has no rights for: it opens pages of this test run alone, and resolves
        // no name.
        var process = ChildProcess.StartProgram(
            [
                program,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-extensions",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-proxy-server",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                "--remote-debugging-port=0",
                $"--user-data-dir={folder}",
                "about:blank",
            ],
            folder
        );
        // written when it listens: the port, then the rest of the address
        var portFile = Path.Combine(folder, "DevToolsActivePort");
        string[] lines = [];
        try
        {
            await Eventually.HoldsAsync(
                async () =>
                {
                    lines = File.Exists(portFile) ? await File.ReadAllLinesAsync(portFile) : [];
                    return lines.Length > 1 || process.HasExited;
                },
                "Chromium listens",
                TimeSpan.FromSeconds(60)
            );
            return lines.Length > 1
                ? new Chromium(folder, process, int.Parse(lines[0], CultureInfo.InvariantCulture))
                : throw new InvalidOperationException($"Chromium did not start:\n{process.Everything}");
        }
        catch
        {
            await EndAsync(process);
            throw;
        }
    }

    /// <summary>A new tab.</summary>
    public async Task<Page> OpenAsync(Uri address)
    {
        using var answer = await _http.PutAsync("/json/new?about:blank", content: null);
        var target = System.Text.Json.JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        var page = await Page.ConnectAsync(new Uri(target.GetProperty("webSocketDebuggerUrl").GetString()!));
        await page.NavigateAsync(address);
        return page;
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await EndAsync(_process);
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task EndAsync(ChildProcess process)
    {
        try
        {
            if (process.HasExited)
                return;
            process.Terminate(); // its helpers end with it; killed, it would leave them behind
            await process.ExitAsync();
        }
        finally
        {
            await process.DisposeAsync();
        }
    }

    private static string Find() =>
        ((string[])["chromium", "chromium-browser", "google-chrome"])
            .SelectMany(name =>
                (Environment.GetEnvironmentVariable("PATH") ?? "")
                    .Split(Path.PathSeparator)
                    .Append("/usr/bin")
                    .Select(folder => Path.Combine(folder, name))
            )
            .FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException(
            "chromium is not on the PATH. Install it (Debian: apt-get install --no-install-recommends chromium)."
        );
}
