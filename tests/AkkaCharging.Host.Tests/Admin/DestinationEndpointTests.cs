using System.Text.Json;
using AkkaCharging.Settings;
using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Admin;

/// <summary>Receivers over HTTP, and pausing one.</summary>
[Trait("Category", "Component")]
public sealed class DestinationEndpointTests : IAsyncLifetime
{
    private const string Route = "/admin/destinations";
    private CallbackReceiver _receiver = null!;
    private RunningService _service = null!;

    public async Task InitializeAsync()
    {
        _receiver = await CallbackReceiver.StartAsync();
        _service = await RunningService.StartAsync(settings =>
            settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero }) with
            {
                Callback = settings.Callback with { Timeout = TimeSpan.FromMinutes(5) },
            }
        );
    }

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    [Fact]
    public async Task PausedDestination_IsNotCalled_UntilItIsResumed()
    {
        var paused = await _service.ChangeAsync(Route + "/pause", Named(_receiver.Destination())).ReadAsync();
        var id = await _service.AcceptAsync(_receiver.Url);
        await Eventually.HoldsAsync(async () => (await SeenAsync()).Waiting == 1, "the callback waits");

        Assert.Equal(
            ("paused", _receiver.Destination()),
            (paused.GetProperty("status").GetString(), paused.GetProperty("destination").GetString())
        );
        Assert.Equal((true, 1, 1), await SeenAsync());
        Assert.Empty(_receiver.Received);

        var resumed = await _service.ChangeAsync(Route + "/resume", Named(_receiver.Destination())).ReadAsync();
        await _service.StateAsync(id, "delivered");

        Assert.Equal("resumed", resumed.GetProperty("status").GetString());
        Assert.Equal(id, Assert.Single(_receiver.Received).WebhookId);
        using var again = await _service.ChangeAsync(Route + "/resume", Named(_receiver.Destination()));
        Assert.Equal("The destination is not paused.", await Api.RefusedAsync(again, 409, "conflict"));
        foreach (var (action, result) in new[] { ("pause", "paused"), ("resume", "resumed"), ("resume", "conflict") })
        {
            var fields = $$"""
                "Operator":"loopback","Remote":"127.0.0.1","Action":"{{action}}","Target":"{{_receiver.Destination()}}",
                "Result":"{{result}}"
                """.ReplaceLineEndings("");
            await Eventually.HoldsAsync(
                () => CapturedConsole.Text.Contains(fields, StringComparison.Ordinal),
                $"the log tells {fields}"
            );
        }
    }

    [Fact]
    public async Task List_TellsHowAReceiverIs_AndHasTheBusiestFirst()
    {
        await using var busier = await CallbackReceiver.StartAsync();
        _receiver.Hang();
        busier.Hang();
        await _service.AcceptAsync(_receiver.Url);
        for (var i = 0; i < 3; i++)
            await _service.AcceptAsync(busier.Url);
        await Eventually.HoldsAsync(
            () => _receiver.Received.Count + busier.Received.Count == 3,
            "the attempts are under way"
        );

        var all = default(JsonElement);
        await Eventually.HoldsAsync(
            async () =>
            {
                all = (await _service.Management.GetAsync(Route).ReadAsync()).GetProperty("destinations");
                return all.EnumerateArray().All(each => each.GetProperty("standing").GetString() == "silent");
            },
            "neither answers for a second"
        );
        var one = (await _service.Management.GetAsync(Route + "?limit=1").ReadAsync()).GetProperty("destinations");

        Assert.Equal(
            $$"""
            {"destination":"{{busier.Destination()}}","breaker":"closed","paused":false,"pausedSince":null,
            "answering":false,"pending":3,
            "inFlight":2,"inFlightMax":2,"waiting":1,"retrying":0,"failuresInARow":0,"failingSince":null,"standing":"silent",
            "nextProbeAt":null,"lastAttempt":null}
            """.ReplaceLineEndings(""),
            all[0].GetRawText()
        );
        Assert.Equal(_receiver.Destination(), all[1].GetProperty("destination").GetString());
        Assert.Equal(all[0].GetRawText(), Assert.Single(one.EnumerateArray()).GetRawText());
    }

    [Theory]
    [InlineData("HTTPS://Receiver.Example.COM.", "https://receiver.example.com:443")]
    [InlineData("http://receiver.example.com", "http://receiver.example.com:80")]
    [InlineData("https://[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443")]
    [InlineData("http://192.0.2.7:80", "http://192.0.2.7:80")]
    public async Task Destination_IsReadAsCallbackUrlsAre(string written, string read)
    {
        var paused = await _service.ChangeAsync(Route + "/pause", Named(written)).ReadAsync();

        Assert.Equal(read, paused.GetProperty("destination").GetString());
        await _service.ChangeAsync(Route + "/resume", Named(read)).ReadAsync();
    }

    [Theory]
    [InlineData("{}", "destination")]
    [InlineData("""{"destination":null}""", "destination")]
    [InlineData("""{"destination":""}""", "destination")]
    [InlineData("""{"destination":"receiver.example.com"}""", "destination")]
    [InlineData("""{"destination":"https://"}""", "destination")]
    [InlineData("""{"destination":"https://receiver.example.com/"}""", "destination")]
    [InlineData("""{"destination":"https://receiver.example.com:443/x"}""", "destination")]
    [InlineData("""{"destination":"https://receiver.example.com:0"}""", "destination")]
    [InlineData("""{"destination":"https://user@receiver.example.com"}""", "destination")]
    [InlineData("""{"destination":"https://receiver.example.com?x"}""", "destination")]
    [InlineData("""{"destination":"https://0x7f.1"}""", "destination")]
    [InlineData("""{"destination":"https://a.example.com","more":1}""", "body")]
    [InlineData("nonsense", "body")]
    public async Task OtherTexts_AreRefused(string body, string field)
    {
        foreach (var change in new[] { "/pause", "/resume" })
        {
            using var answer = await _service.ChangeAsync(Route + change, body);
            Assert.Equal(field, Assert.Single(await Api.InvalidAsync(answer)).Field);
        }
    }

    [Theory]
    [InlineData("limit=0")]
    [InlineData("page=2")]
    public async Task List_RefusesWhatItDoesNotUnderstand(string query)
    {
        using var answer = await _service.Management.GetAsync($"{Route}?{query}");

        await Api.InvalidAsync(answer);
    }

    [Fact]
    public async Task Change_IsRecorded_WhateverTheLogLevel()
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings with
            {
                Logging = settings.Logging with { Level = LogThreshold.Error },
            }
        );

        await service.ChangeAsync(Route + "/pause", Named("https://recorded.example.com")).ReadAsync();

        await Eventually.HoldsAsync(
            () =>
                CapturedConsole.Text.Contains(
                    "\"Target\":\"https://recorded.example.com:443\",\"Result\":\"paused\"",
                    StringComparison.Ordinal
                ),
            "the log tells it"
        );
    }

    [Fact]
    public async Task PausedDestinations_AreBounded()
    {
        for (var i = 0; i < 1_000; i++)
            await _service.ChangeAsync(Route + "/pause", Named($"https://receiver{i}.example.com")).ReadAsync();

        using var refused = await _service.ChangeAsync(Route + "/pause", Named("https://one-more.example.com"));

        Assert.Equal(
            "1000 destinations are paused; resume one first.",
            await Api.RefusedAsync(refused, 409, "conflict")
        );
    }

    private static string Named(string destination) => JsonSerializer.Serialize(new { destination });

    private async Task<(bool Paused, int Pending, int Waiting)> SeenAsync()
    {
        var seen = (await _service.Management.GetAsync(Route).ReadAsync())
            .GetProperty("destinations")
            .EnumerateArray()
            .Single(destination => destination.GetProperty("destination").GetString() == _receiver.Destination());
        return (
            seen.GetProperty("paused").GetBoolean(),
            seen.GetProperty("pending").GetInt32(),
            seen.GetProperty("waiting").GetInt32()
        );
    }
}
