using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;

namespace AkkaCharging.Testing;

/// <summary>The built service in a process of its own.</summary>
internal sealed class ServiceProcess : IAsyncDisposable
{
    public const string SubmitPath = "/api/v1/charging-session";

    private ServiceProcess(ChildProcess process, int port)
    {
        Process = process;
        Port = port;
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            MaxConnectionsPerServer = 256,
            // Less than server.keepAliveMillis: a connection that the service is closing must not be used again.
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(10),
        };
        Http = new HttpClient(handler)
        {
            BaseAddress = new Uri($"http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}"),
            Timeout = TimeSpan.FromSeconds(30),
        };
    }

    public ChildProcess Process { get; }

    public int Port { get; }

    public HttpClient Http { get; }

    /// <summary>Where its log says that operators reach it; for a service that is ready and logs JSON.</summary>
    public async Task<Uri> ManagementAddressAsync()
    {
        string? line = null;
        await Eventually.HoldsAsync(
            () =>
                (
                    line = Process.Output.SingleOrDefault(line =>
                        line.Contains("The operators' API listens on", StringComparison.Ordinal)
                    )
                )
                    is not null,
            "the log says where operators reach it"
        );
        return new(JsonDocument.Parse(line!).RootElement.GetProperty("ManagementAddress").GetString()!);
    }

    /// <summary>A component of the health report as operators see it.</summary>
    public async Task<JsonElement> ComponentAsync(string name) =>
        (await Http.GetFromJsonAsync<JsonElement>(new Uri(await ManagementAddressAsync(), "/admin/overview")))
            .GetProperty("health")
            .GetProperty("components")
            .GetProperty(name);

    /// <summary>
    /// The service as it is downloaded, which <c>test.sh</c> unpacks; without that, as it was built with the tests.
    /// </summary>
    public static string Executable { get; } =
        Path.Combine(
            Environment.GetEnvironmentVariable("AKKACHARGING_SERVICE") is { Length: > 0 } folder
                ? folder
                : AppContext.BaseDirectory,
            "AkkaCharging.Host.dll"
        );

    /// <summary>Settings of most scenarios: loopback, callbacks to loopback, an access list.</summary>
    public static Dictionary<string, string> Loopback(string aclFile) =>
        new(StringComparer.Ordinal)
        {
            ["SERVER_HOST"] = "127.0.0.1",
            ["AUTHORIZATION_ACL_FILE"] = aclFile,
            ["CALLBACK_SECURITY_ALLOW"] = "127.0.0.1/32",
            ["CALLBACK_SECURITY_ALLOWED_PORTS"] = "",
        };

    /// <summary>Starts the service and does not wait: for starts that are to fail, and for other commands.</summary>
    /// <param name="executable">Null for <see cref="Executable"/>.</param>
    /// <param name="port">Of this loopback, which leads to it; null for its own.</param>
    public static ServiceProcess Launch(
        IReadOnlyDictionary<string, string> environment,
        string workingDirectory,
        IEnumerable<string>? arguments = null,
        string? executable = null,
        bool readsOutput = true,
        IReadOnlyList<string>? launcher = null,
        int? port = null
    )
    {
        var all = new Dictionary<string, string>(environment, StringComparer.Ordinal);
        all.TryAdd("MANAGEMENT_PORT", "0");
        all.TryAdd("SERVER_PORT", FreePort.Next().ToString(CultureInfo.InvariantCulture));
        var process = ChildProcess.Start(
            [executable ?? Executable, .. arguments ?? []],
            workingDirectory,
            all,
            readsOutput,
            launcher
        );
        return new ServiceProcess(process, port ?? int.Parse(all["SERVER_PORT"], CultureInfo.InvariantCulture));
    }

    /// <summary>Starts the service and waits until it is ready.</summary>
    public static async Task<ServiceProcess> StartAsync(
        IReadOnlyDictionary<string, string> environment,
        string workingDirectory,
        IEnumerable<string>? arguments = null,
        string? executable = null,
        IReadOnlyList<string>? launcher = null
    )
    {
        while (true)
        {
            var service = Launch(environment, workingDirectory, arguments, executable, launcher: launcher);
            await service.ReadyOrEndedAsync();
            if (!service.Process.HasExited)
                return service;

            await service.Process.ExitAsync();
            var report = service.Process.Everything;
            await service.DisposeAsync();
            // The port was free a moment ago; somebody else took it since.
            if (
                environment.ContainsKey("SERVER_PORT")
                || !report.Contains("address already in use", StringComparison.OrdinalIgnoreCase)
            )
                throw new InvalidOperationException($"The service did not start:\n{report}");
        }
    }

    /// <summary>Starts a program that is the service, on a free port, and waits until it is ready.</summary>
    public static async Task<ServiceProcess> StartProgramAsync(
        string[] command,
        IReadOnlyDictionary<string, string> environment,
        string workingDirectory
    )
    {
        var port = FreePort.Next();
        var all = new Dictionary<string, string>(environment, StringComparer.Ordinal)
        {
            ["MANAGEMENT_PORT"] = "0",
            ["SERVER_PORT"] = port.ToString(CultureInfo.InvariantCulture),
        };
        var service = new ServiceProcess(ChildProcess.StartProgram(command, workingDirectory, all), port);
        await service.ReadyOrEndedAsync();
        return service.Process.HasExited
            ? throw new InvalidOperationException($"The service did not start:\n{service.Process.Everything}")
            : service;
    }

    /// <summary>The status of an answer to GET; null without an answer.</summary>
    public async Task<HttpStatusCode?> StatusOfAsync(string path)
    {
        try
        {
            using var response = await Http.GetAsync(path);
            return response.StatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or SocketException)
        {
            return null;
        }
    }

    /// <summary>Returns an answer as text, whatever its status; the failure when there is none.</summary>
    public async Task<string> TellAsync(Uri address)
    {
        try
        {
            using var answer = await Http.GetAsync(address);
            return await answer.Content.ReadAsStringAsync();
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return e.Message;
        }
    }

    public Task<JsonElement> GetAsync(string path) => Http.GetBodyAsync(path);

    /// <summary>Submits and returns the answer as it is.</summary>
    public Task<HttpResponseMessage> SubmitAsync(
        string callbackUrl,
        string token,
        string station = RunningService.Station
    ) =>
        Http.PostAsJsonAsync(
            SubmitPath,
            new
            {
                stationId = station,
                driverToken = token,
                callbackUrl,
            }
        );

    /// <summary>Submits, asserts 200 and returns the request's id.</summary>
    public async Task<string> AcceptAsync(string callbackUrl, string token, string station = RunningService.Station)
    {
        using var response = await SubmitAsync(callbackUrl, token, station);
        if (response.StatusCode != HttpStatusCode.OK)
            throw new InvalidOperationException(
                $"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}"
            );
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("requestId").GetString()!;
    }

    /// <summary>The status page of a request; asked for again while the journal cannot tell.</summary>
    public async Task<JsonElement> FollowAsync(string requestId)
    {
        var page = default(JsonElement);
        await Eventually.HoldsAsync(
            async () =>
            {
                using var answer = await Http.GetAsync($"{SubmitPath}/{requestId}");
                page = await answer.Content.ReadFromJsonAsync<JsonElement>();
                return answer.StatusCode != HttpStatusCode.ServiceUnavailable;
            },
            $"there is a status page of {requestId}"
        );
        return page;
    }

    /// <summary>Waits until a request is in a state, and returns its status page.</summary>
    /// <param name="deadline">Null for <see cref="Eventually.Patience"/>.</param>
    public async Task<JsonElement> StateAsync(string requestId, string state, TimeSpan? deadline = null)
    {
        var page = default(JsonElement);
        await Eventually.HoldsAsync(
            async () => (page = await FollowAsync(requestId)).GetProperty("state").ValueEquals(state),
            $"{requestId} is {state}",
            deadline
        );
        return page;
    }

    private async Task ReadyOrEndedAsync()
    {
        try
        {
            await Eventually.HoldsAsync(
                async () => Process.HasExited || await StatusOfAsync("/health/ready") == HttpStatusCode.OK,
                "the service is ready"
            );
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    /// <summary>SIGTERM, and the exit code.</summary>
    public Task<int> StopAsync()
    {
        Process.Terminate();
        return Process.ExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Process.DisposeAsync();
    }
}
