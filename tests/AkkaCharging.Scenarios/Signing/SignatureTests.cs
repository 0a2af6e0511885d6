using System.Text;
using AkkaCharging.Testing;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios.Signing;

/// <summary>Signatures of a running service, verified from the bytes on the wire while its keys are rotated.</summary>
[Trait("Category", "Scenario")]
public sealed class SignatureTests(ITestOutputHelper output) : IDisposable
{
    private static readonly string OfTheSettings = Key(1, length: 24);
    private static readonly string Old = Key(2, length: 32);
    private static readonly string New = Key(3, length: 64);
    private static readonly string Unknown = Key(4, length: 32);
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task EveryKeyInForceVerifies_AndNoOther_WhileTheFileOfKeysIsRotated()
    {
        _folder.Write("keys", Old);
        await using var receiver = RawReceiver.Answering("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        var settings = ScenarioFolder.Settings(
            ("CALLBACK_SIGNING_KEYS", OfTheSettings),
            ("CALLBACK_SIGNING_KEYS_FILE", "keys"),
            ("CALLBACK_SIGNING_REQUIRED", "true")
        );
        await using var service = await ServiceProcess.StartAsync(settings, _folder.Path);

        var before = await CaptureAsync(service, receiver);
        _folder.Write("keys", $"{Old}\n{New}\n");
        await Eventually.HoldsAsync(
            async () => await SigningHealthAsync(service) == ("UP", "3"),
            "both keys of the file are in force"
        );
        var during = await CaptureAsync(service, receiver);
        _folder.Write("keys", New);
        await Eventually.HoldsAsync(
            async () => await SigningHealthAsync(service) == ("UP", "2"),
            "the old key is gone"
        );
        var after = await CaptureAsync(service, receiver);
        _folder.Write("keys", $"{Old}\n{Unknown[..^1]}\n");
        await Eventually.HoldsAsync(
            async () => await SigningHealthAsync(service) == ("DEGRADED", "2"),
            "the broken file is reported"
        );
        var broken = await CaptureAsync(service, receiver);

        (SignedCallback Callback, bool IsValid)[] expected =
        [
            .. Checks(before, valid: [OfTheSettings, Old], invalid: [New, Unknown]),
            .. Checks(during, valid: [OfTheSettings, Old, New], invalid: [Unknown]),
            .. Checks(after, valid: [OfTheSettings, New], invalid: [Old, Unknown]),
            .. Checks(broken, valid: [OfTheSettings, New], invalid: [Old, Unknown]),
        ];
        foreach (var (name, verify) in WebhookVerifiers.Available)
        {
            Assert.Equal(
                expected.Select(check => check.IsValid),
                await verify([.. expected.Select(check => check.Callback)])
            );
            output.WriteLine($"{expected.Length} checks by {name}");
        }

        Assert.Contains(
            service.Process.Output,
            line =>
                line.Contains(
                    "The file of signing keys was not reloaded, the previous keys stay",
                    StringComparison.Ordinal
                )
        );
        Assert.DoesNotContain(
            "whsec_",
            service.Process.Everything.Replace("whsec_ and 24", "", StringComparison.Ordinal),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("keys", "it contains no key")]
    [InlineData("missing", "Could not find file")]
    public async Task RequiredKeyThatIsMissing_StopsTheStart(string file, string problem)
    {
        _folder.Write("keys", "");
        await using var service = ServiceProcess.Launch(
            ScenarioFolder.Settings(("CALLBACK_SIGNING_KEYS_FILE", file), ("CALLBACK_SIGNING_REQUIRED", "true")),
            _folder.Path
        );

        Assert.NotEqual(0, await service.Process.ExitAsync());
        Assert.Contains(
            $"callback.signing.keysFile = '{file}' cannot be used ({problem}",
            service.Process.Everything,
            StringComparison.Ordinal
        );
    }

    /// <summary>The callback with each key, and with parts of it changed by someone who has no key.</summary>
    private static IEnumerable<(SignedCallback Callback, bool IsValid)> Checks(
        (Dictionary<string, string> Headers, string Body) sent,
        string[] valid,
        string[] invalid
    )
    {
        foreach (var key in invalid)
            yield return (new(key, sent.Headers, sent.Body), false);
        foreach (var key in valid)
        {
            yield return (new(key, sent.Headers, sent.Body), true);
            yield return (
                new(key, sent.Headers, sent.Body.Replace("\"allowed\"", "\"unknown\"", StringComparison.Ordinal)),
                false
            );
            yield return (new(key, sent.Headers, sent.Body + " "), false);
            yield return (new(key, With(sent.Headers, "webhook-id", "req-1"), sent.Body), false);
            yield return (
                new(
                    key,
                    With(
                        sent.Headers,
                        "webhook-timestamp",
                        $"{TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 9}"
                    ),
                    sent.Body
                ),
                false
            );
            yield return (new(key, With(sent.Headers, "webhook-signature", "v1,AAAA"), sent.Body), false);
        }
    }

    private static Dictionary<string, string> With(Dictionary<string, string> headers, string name, string value) =>
        new(headers, StringComparer.Ordinal) { [name] = value };

    /// <summary>Has one request called back, and takes the callback apart as it came over the wire.</summary>
    private static async Task<(Dictionary<string, string> Headers, string Body)> CaptureAsync(
        ServiceProcess service,
        RawReceiver receiver
    )
    {
        var id = await service.AcceptAsync(receiver.Url, ScenarioFolder.AllowedToken);
        var message = "";
        await Eventually.HoldsAsync(
            () =>
                (
                    message =
                        receiver
                            .Requests.Select(Encoding.UTF8.GetString)
                            .FirstOrDefault(request => request.Contains(id, StringComparison.Ordinal))
                        ?? ""
                ).Length > 0,
            "the callback arrives"
        );
        var parts = message.Split("\r\n\r\n", 2);
        var headers = parts[0]
            .Split("\r\n")
            .Skip(1)
            .Select(line => line.Split(": ", 2))
            .ToDictionary(line => line[0].ToLowerInvariant(), line => line[1], StringComparer.Ordinal);
        return (headers, parts[1]);
    }

    private static async Task<(string Status, string Keys)> SigningHealthAsync(ServiceProcess service)
    {
        var signing = (await service.GetAsync("/health")).GetProperty("components").GetProperty("signing");
        return (
            signing.GetProperty("status").GetString()!,
            signing.GetProperty("details").GetProperty("keys").GetString()!
        );
    }

    private static string Key(byte seed, int length) =>
        "whsec_" + Convert.ToBase64String([.. Enumerable.Range(0, length).Select(i => (byte)(seed * 31 + i))]);
}
