using System.Collections.Concurrent;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Callbacks;
using AkkaCharging.Requests;
using AkkaCharging.Testing;
using AkkaCharging.Tests.AddressPolicy;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Callbacks;

/// <summary>More receivers that keep their connections than the process may have connections.</summary>
[Trait("Category", "Component")]
public sealed class KeptConnectionsTests : IAsyncLifetime
{
    private const int Max = 4;
    private const int Receivers = 40;

    private readonly WebhookSigner _signer = new(new([], "", Required: false), TimeProvider.System);
    private readonly ConcurrentQueue<string> _connections = new();
    private readonly VettedConnector _connector = new(
        Policies.Allowing("127.0.0.1/32"),
        new ScriptedResolver(["127.0.0.1"]),
        TimeProvider.System,
        Eventually.Patience,
        connectionsMax: Max
    );
    private readonly TaskCompletionSource _release = new();
    private CallbackClient _client = null!;
    private CallbackReceiver _receiver = null!;

    public async Task InitializeAsync()
    {
        _receiver = await CallbackReceiver.StartAsync();
        _receiver.RespondWith(
            async (context, _) =>
            {
                _connections.Enqueue(context.Connection.Id);
                if (context.Request.Host.Host.StartsWith("slow", StringComparison.Ordinal))
                    await _release.Task;
            }
        );
        _client = new CallbackClient(
            ResendingHandler.Create(_connector, Eventually.Patience),
            _connector,
            _signer,
            Eventually.Patience,
            TimeProvider.System
        );
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        _signer.Dispose();
        await _receiver.DisposeAsync();
    }

    [Fact]
    public async Task TheConnectionIdleLongest_MakesRoom_AndYoungerOnesAreUsedAgain()
    {
        for (var i = 0; i < Receivers; i++)
        {
            Assert.Equal(CallbackOutcome.Success, await CallAsync($"r{i}"));
            Assert.InRange(_connector.Connections.Open, 1, Max);
        }

        Assert.Equal(Receivers, _connections.Distinct().Count());
        for (var i = Receivers - Max; i < Receivers; i++)
            Assert.Equal(CallbackOutcome.Success, await CallAsync($"r{i}"));
        Assert.Equal(Receivers, _connections.Distinct().Count());
        Assert.Equal(CallbackOutcome.Success, await CallAsync("r0"));
        Assert.Equal(Receivers + 1, _connections.Distinct().Count());
    }

    [Fact]
    public async Task ConnectionWithARequest_IsLeftAlone()
    {
        var slow = CallAsync("slow");
        await Eventually.HoldsAsync(() => _connections.Count == 1, "it has arrived");

        for (var i = 0; i < Receivers; i++)
            Assert.Equal(CallbackOutcome.Success, await CallAsync($"r{i}"));

        _release.SetResult();
        Assert.Equal(CallbackOutcome.Success, await slow);
        Assert.Equal(Receivers + 1, _receiver.Received.Count); // and it was not sent again
    }

    private async Task<CallbackOutcome> CallAsync(string host) =>
        (
            await _client.AttemptAsync(
                Sample.Request(_receiver.Url.Replace("127.0.0.1", $"{host}.example.com", StringComparison.Ordinal)),
                Sample.Decision(),
                CancellationToken.None
            )
        )
            .Attempt
            .Outcome;
}
