using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>The files that a service reads again when they change: access list, API keys and signing keys.</summary>
internal sealed class RotatedFiles : IDisposable
{
    private const string AccessList = "acl.csv";
    private const string ApiKeys = "api-keys.conf";
    private const string SigningKeys = "signing-keys";

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false })
    {
        Timeout = TimeSpan.FromSeconds(5),
    };
    private readonly ScenarioFolder _folder = new();
    private volatile string _apiKey = NewApiKey();
    private string _signingKey = NewSigningKey();

    public RotatedFiles()
    {
        WriteAccessList("active");
        WriteApiKeys(_apiKey);
        _folder.Write(SigningKeys, _signingKey + "\n");
    }

    /// <summary>An access list for the drivers of <see cref="SubmissionLoad"/>.</summary>
    /// <param name="state">Of the rule that changes.</param>
    public static string AccessListWith(string state) =>
        "token,stations,valid_from,valid_until,state\n"
        + $"{ScenarioFolder.AllowedToken},*,,,active\n"
        + $"{ScenarioFolder.BlockedToken},*,,,blocked\n"
        + $"{SubmissionLoad.ChangingToken},*,,,{state}\n";

    /// <summary>The API key that callers use now.</summary>
    public string ApiKey => _apiKey;

    /// <summary>Settings that name the files.</summary>
    public (string Name, string Value)[] Settings =>
        [
            ("AUTHORIZATION_ACL_FILE", Path.Combine(_folder.Path, AccessList)),
            ("SERVER_API_KEYS_FILE", Path.Combine(_folder.Path, ApiKeys)),
            ("SERVER_WRONG_KEYS_PER_SECOND", "0"),
            ("CALLBACK_SIGNING_KEYS_FILE", Path.Combine(_folder.Path, SigningKeys)),
        ];

    /// <summary>Replaces one file after the other.</summary>
    /// <param name="ports">Of the service or of its nodes.</param>
    public FaultSource Source(int[] ports) =>
        new(
            "files",
            PauseMillisMax: 4_000,
            [
                new("access list replaced", ReplaceAccessListAsync),
                new("API key rotated", _ => RotateApiKeyAsync(ports)),
                new("signing key rotated", RotateSigningKeyAsync),
            ]
        );

    public void Dispose()
    {
        _http.Dispose();
        _folder.Dispose();
    }

    private static string NewApiKey() => $"akc_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16))}";

    private static string NewSigningKey() => $"whsec_{Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))}";

    private void WriteAccessList(string state) => _folder.Write(AccessList, AccessListWith(state));

    private void WriteApiKeys(params string[] keys) =>
        _folder.Write(
            ApiKeys,
            $"apiKeys = [{string.Join(", ", keys.Select(key => $"{{ name = fleet, sha256 = \"{HashOf(key)}\" }}"))}]\n"
        );

    private static string HashOf(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    private Task ReplaceAccessListAsync(Random random)
    {
        WriteAccessList(random.Next(2) == 0 ? "active" : "blocked");
        return Task.CompletedTask;
    }

    /// <summary>Both keys are valid until callers use the new one.</summary>
    private async Task RotateApiKeyAsync(int[] ports)
    {
        var (old, next) = (_apiKey, NewApiKey());
        WriteApiKeys(old, next);
        foreach (var port in ports)
            await Eventually.HoldsAsync(() => IsKnownAsync(port, next), "the new API key is known");
        _apiKey = next;
        WriteApiKeys(next);
    }

    private Task RotateSigningKeyAsync(Random random)
    {
        var next = NewSigningKey();
        _folder.Write(SigningKeys, $"{next}\n{_signingKey}\n");
        _signingKey = next;
        return Task.CompletedTask;
    }

    /// <summary>Whether the key opens status pages.</summary>
    private async Task<bool> IsKnownAsync(int port, string key)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Get,
            $"http://127.0.0.1:{port}{ServiceProcess.SubmitPath}/none"
        );
        request.Headers.Add("X-Api-Key", key);
        try
        {
            using var answer = await _http.SendAsync(request);
            return answer.StatusCode == HttpStatusCode.NotFound;
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or TaskCanceledException)
        {
            return false; // it is being started
        }
    }
}
