using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Files;
using AkkaCharging.Host.Http;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Http;

[Trait("Category", "Component")]
public sealed class ApiKeyFileTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2030-01-01T00:00:00Z"));
    private readonly List<ApiKeyReload> _reloads = [];

    public void Dispose() => File.Delete(_file);

    [Fact]
    public async Task ChangedFile_AddsAndRevokesKeys_BesideThoseOfTheSettings()
    {
        Write(Entry("app"));
        using var keys = Watching(Key("partner"));
        AssertKnown(keys, "app", "partner");

        Write(Entry("app"), Entry("fleet"));
        await PollAsync(keys);
        AssertKnown(keys, "app", "partner", "fleet");

        Write(Entry("fleet"));
        await PollAsync(keys);
        AssertKnown(keys, "partner", "fleet");
        Assert.Equal([new(3, Problem: null), new(2, Problem: null)], _reloads);
        Assert.Equal(_reloads[^1], keys.FileStatus);
    }

    [Fact]
    public async Task KeyThatStays_KeepsWhatIsLeftOfItsRate_UnlessItsLimitChanged()
    {
        Write(Entry("app", perSecond: 1), Entry("changed", perSecond: 1));
        using var keys = Watching();
        Assert.All(["app", "changed"], name => Assert.Null(Identify(keys, name)!.Rate!.Submissions.TryTake()));

        Write(Entry("other"), Entry("changed", perSecond: 2), Entry("app", perSecond: 1));
        var before = Identify(keys, "app")!.Rate;
        await PollAsync(keys);

        Assert.Same(before, Identify(keys, "app")!.Rate);
        Assert.Equal(2, Identify(keys, "changed")!.Rate!.PerSecond);
        Assert.Null(Identify(keys, "other")!.Rate);
    }

    [Fact]
    public async Task EmptyList_RevokesAllKeysOfTheFile_AndKeysAreNeededAllTheSame()
    {
        Write(Entry("app"));
        using var keys = Watching();

        File.WriteAllText(_file, "apiKeys = []");
        await PollAsync(keys);

        AssertKnown(keys);
        Assert.True(keys.AreRequired);
    }

    [Theory]
    [InlineData("", "(it contains no apiKeys)")]
    [InlineData("apiKeys = [{ name = app, sha256 = canary-hash }]", ":1: apiKeys[0].sha256 = (secret) cannot be read")]
    [InlineData("apiKeys = [{ name = app", ":1:")]
    [InlineData("apiKeys = []\nport = 1", ":2: port is not a setting")]
    [InlineData("apiKeys = [{ name = app, sha265 = a }]", "apiKeys[0].sha265 is not a setting; did you mean")]
    public async Task BrokenFile_KeepsTheKeys_AndIsReportedOnceWithoutHashes(string content, string problem)
    {
        Write(Entry("app"));
        using var keys = Watching();

        File.WriteAllText(_file, content);
        await PollAsync(keys, times: 5);

        AssertKnown(keys, "app");
        var reported = Assert.Single(_reloads).Problem!;
        Assert.Contains(_file, reported, StringComparison.Ordinal);
        Assert.Contains(problem, reported, StringComparison.Ordinal);
        Assert.DoesNotContain("canary-hash", reported, StringComparison.Ordinal);
        Assert.Equal(reported, keys.FileStatus!.Problem);
    }

    [Theory]
    [InlineData("akc_q7Xo0Pz7Qe2b-kq_Uu5y1dVtW8cRsN4fLhGaTiYxEM")]
    [InlineData("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYg==")]
    [InlineData("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")]
    [InlineData("0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef")]
    [InlineData("hunter2")]
    public void SecretInPlaceOfTheFile_IsInNoMessage(string secret) =>
        Assert.All(
            ["", "\n", "\r\n", " = 1\n"],
            end =>
            {
                File.WriteAllText(_file, secret + end);

                var refused = Assert.Throws<InvalidSettingsException>(() => Watching());

                Assert.DoesNotContain(secret[..7], refused.Message, StringComparison.Ordinal);
            }
        );

    [Fact]
    public async Task VanishedFile_KeepsTheKeys_AndIsTakenUpWhenItIsBack()
    {
        Write(Entry("app"));
        using var keys = Watching();

        File.Delete(_file);
        await PollAsync(keys, times: 5);
        AssertKnown(keys, "app");
        Assert.NotNull(Assert.Single(_reloads).Problem);

        Write(Entry("fleet"));
        await PollAsync(keys);
        AssertKnown(keys, "fleet");
        Assert.Null(keys.FileStatus!.Problem);
    }

    [Fact]
    public void FileCutAtAnyByte_IsRejected()
    {
        Write(Entry("app"), Entry("fleet"));
        var whole = File.ReadAllText(_file).TrimEnd();

        for (var length = 0; length < whole.Length; length++)
        {
            File.WriteAllText(_file, whole[..length]);
            Assert.Throws<InvalidSettingsException>(() => Watching());
        }
    }

    [Fact]
    public void MissingFile_StopsTheStart_AndIsNamed() =>
        Assert.StartsWith(
            "server.apiKeysFile = '/missing/keys' cannot be used (",
            Assert
                .Throws<InvalidSettingsException>(() =>
                    new ApiKeys(Settings() with { ApiKeysFile = "/missing/keys" }, _time)
                )
                .Problems.Single(),
            StringComparison.Ordinal
        );

    [Fact]
    public void NameOrHashThatIsThereTwice_IsRejected()
    {
        Write(Entry("app"), Entry("app", key: "new")); // a rotation
        Watching(Key("partner")).Dispose();

        Rejected("server.apiKeys also contains the name 'app'", Key("app", key: "third"));
        Rejected("it contains a sha256 twice, or one that server.apiKeys contains too", Key("partner", key: "new"));
        Write(Entry("app"), Entry("fleet", key: "app"));
        Rejected("it contains a sha256 twice, or one that server.apiKeys contains too");

        void Rejected(string problem, params ApiKeySettings[] settings) =>
            Assert.Contains(
                problem,
                Assert.Throws<InvalidSettingsException>(() => Watching(settings)).Problems.Single(),
                StringComparison.Ordinal
            );
    }

    [Fact]
    public async Task RevokedKey_IsRejectedByTheRunningService_AndHealthTellsABrokenFile()
    {
        Write(Entry("app"));
        await using var service = await RunningService.StartAsync(
            settings =>
                settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero, ApiKeysFile = _file }),
            services => services.AddTime(_time)
        );
        var keys = service.App.Services.GetRequiredService<ApiKeys>();
        Assert.Equal(200, await SubmitAsync(service, "app"));
        Assert.Equal(401, await SubmitAsync(service, "fleet"));

        Write(Entry("fleet"));
        await PollAsync(keys);
        Assert.Equal(401, await SubmitAsync(service, "app"));
        Assert.Equal(200, await SubmitAsync(service, "fleet"));

        File.WriteAllText(_file, "apiKeys = [");
        await PollAsync(keys);
        Assert.Equal(200, await SubmitAsync(service, "fleet"));
        var component = (await service.GetAsync("/health")).GetProperty("components").GetProperty("apiKeys");
        Assert.Equal("DEGRADED", component.GetProperty("status").GetString());
        Assert.Equal("1", component.GetProperty("details").GetProperty("keys").GetString());
        Assert.DoesNotContain(_file, component.GetRawText(), StringComparison.Ordinal);
    }

    private static async Task<int> SubmitAsync(RunningService service, string key)
    {
        using var answer = await service.Http.SendAsync(Api.Post(Api.Body(), ("X-Api-Key", key)));
        return (int)answer.StatusCode;
    }

    private static void AssertKnown(ApiKeys keys, params string[] known) =>
        Assert.Equal(
            known.Order(StringComparer.Ordinal),
            new[] { "app", "fleet", "partner" }.Where(key => Identify(keys, key) is not null)
        );

    private static ApiKeyCaller? Identify(ApiKeys keys, string key)
    {
        var context = new DefaultHttpContext();
        context.Request.Headers["X-Api-Key"] = key;
        return keys.Identify(context.Request);
    }

    private static string Hash(string key) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    private static ApiKeySettings Key(string name, string? key = null) => new(name, Hash(key ?? name), [], 0);

    private static string Entry(string name, double perSecond = 0, string? key = null) =>
        $"{{ name = {name}, sha256 = \"{Hash(key ?? name)}\", requestsPerSecond = {perSecond} }}";

    private static ServerSettings Settings(params ApiKeySettings[] keys) =>
        SettingsLoader.Defaults.Server with
        {
            ApiKeys = keys,
        };

    private void Write(params string[] entries) =>
        File.WriteAllText(_file, $"apiKeys = [\n  {string.Join(",\n  ", entries)}\n]\n");

    private ApiKeys Watching(params ApiKeySettings[] keys) =>
        new(Settings(keys) with { ApiKeysFile = _file }, _time, _reloads.Add);

    private async Task PollAsync(ApiKeys keys, int times = 2)
    {
        for (var i = 0; i < times; i++)
        {
            _time.Advance(FileWatch.PollInterval);
            await keys.Polling;
        }
    }
}
