using System.CommandLine;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Cli;

/// <summary>Calls the operators' API of the service that runs on this machine with the same settings.</summary>
internal sealed class OperatorClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly HttpClient _http;

    private OperatorClient(ManagementSettings settings, string token)
    {
        _http = LoopbackHttp.CreateForOperators(settings, Patience);
        if (token.Length > 0)
            _http.DefaultRequestHeaders.Authorization = new("Bearer", token);
    }

    /// <summary>Creates the option that names a file with the operator's token.</summary>
    public static Option<string?> CreateTokenFileOption() =>
        new("--token-file")
        {
            Description = "File with the operator's token; management.token of the settings by default.",
            HelpName = "FILE",
            Recursive = true,
        };

    /// <summary>Runs a command that calls the service.</summary>
    /// <param name="tokenFile">File with the operator's token; null for that of the settings.</param>
    /// <returns>
    /// The exit code: 1 when the service does not answer or refuses, for a reason written to <paramref name="error"/>.
    /// </returns>
    public static async Task<int> RunAsync(
        string? configFile,
        string? tokenFile,
        TextWriter error,
        Func<OperatorClient, Task> run
    )
    {
        if (CommandLine.Load(configFile, error) is not { } settings)
            return 1;
        try
        {
            var token = settings.Management.Token;
            if (tokenFile is not null && SecretFile.TryReadToken(tokenFile, out token, out _) is { } problem)
                throw new OperatorException($"--token-file '{ShownValue.OfFile(tokenFile)}' cannot be used: {problem}");
            using var client = new OperatorClient(settings.Management, token);
            await run(client);
            return 0;
        }
        catch (Exception e) when (e is OperatorException or IOException or UnauthorizedAccessException)
        {
            await error.WriteLineAsync(e.Message);
            return 1;
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Reads an answer of the service.</summary>
    /// <param name="path">The path with its query.</param>
    /// <exception cref="OperatorException">The service does not answer, or refuses.</exception>
    public Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellation) =>
        SendAsync(new(HttpMethod.Get, path), type, cancellation);

    /// <summary>Makes a change.</summary>
    /// <param name="body">The JSON to send; empty for none.</param>
    /// <exception cref="OperatorException">The service does not answer, or refuses.</exception>
    public Task<T> PostAsync<T>(string path, string body, JsonTypeInfo<T> type, CancellationToken cancellation) =>
        SendAsync(
            new(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") },
            type,
            cancellation
        );

    private async Task<T> SendAsync<T>(HttpRequestMessage request, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        try
        {
            using (request)
            using (var response = await _http.SendAsync(request, cancellation))
            {
                var body = await response.Content.ReadAsByteArrayAsync(cancellation);
                if (!response.IsSuccessStatusCode)
                    throw new OperatorException(Describe(response, body));
                return JsonSerializer.Deserialize(body, type)
                    ?? throw new OperatorException($"{_http.BaseAddress} sent an empty answer.");
            }
        }
        // SocketException: the listener closed the connection at once.
        catch (Exception e)
            when (e is HttpRequestException or SocketException or JsonException
                || (e is OperationCanceledException && !cancellation.IsCancellationRequested)
            )
        {
            throw new OperatorException(
                $"No usable answer from the operators' API at {_http.BaseAddress} (management.host, management.port): "
                    + (e.InnerException as AuthenticationException ?? e).Message,
                e
            );
        }
    }

    private static string Describe(HttpResponseMessage response, byte[] body)
    {
        var hint =
            response.StatusCode == System.Net.HttpStatusCode.Unauthorized ? " Name a file with --token-file." : "";
        try
        {
            using var answer = JsonDocument.Parse(body);
            if (
                answer.RootElement is { ValueKind: JsonValueKind.Object } problem
                && problem.TryGetProperty("message", out var message)
                && message.ValueKind == JsonValueKind.String
            )
                return $"{message.GetString()}{hint}";
        }
        catch (JsonException)
        {
            // The listener belongs to another program.
        }

        return $"The answer is HTTP {(int)response.StatusCode}, and not that of this service.";
    }
}

/// <summary>The operators' API refused, or did not answer.</summary>
internal sealed class OperatorException(string message, Exception? inner = null) : Exception(message, inner);
