using AkkaCharging.AddressPolicy;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.AddressPolicy;

/// <summary>The environment belongs to the whole process, so this test runs while no other test runs.</summary>
[Trait("Category", "Component")]
[Collection(nameof(ProxyEnvironment))]
public sealed class ProxyEnvironmentTests
{
    private static readonly string[] Variables = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

    [Fact]
    public async Task ProxyOfTheEnvironment_IsIgnored()
    {
        await using var proxy = new LoopbackReceiver(LoopbackReceiver.Ok);
        await using var receiver = new LoopbackReceiver(LoopbackReceiver.Ok);
        var before = Variables.ToDictionary(name => name, Environment.GetEnvironmentVariable);
        try
        {
            foreach (var name in Variables)
                Environment.SetEnvironmentVariable(name, $"http://127.0.0.1:{proxy.Endpoint.Port}");
            var connector = new VettedConnector(
                Policies.Allowing("127.0.0.1/32"),
                new ScriptedResolver(["127.0.0.1"]),
                TimeProvider.System,
                Eventually.Patience
            );
            using var client = new HttpMessageInvoker(CallbackHttpHandler.Create(connector, Eventually.Patience));
            using var request = new HttpRequestMessage(
                HttpMethod.Post,
                $"http://hooks.example.com:{receiver.Endpoint.Port}/cb"
            );
            using var response = await client.SendAsync(request, CancellationToken.None);
        }
        finally
        {
            foreach (var (name, value) in before)
                Environment.SetEnvironmentVariable(name, value);
        }

        Assert.Equal(1, receiver.Connections);
        Assert.Equal(0, proxy.Connections);
    }
}

[CollectionDefinition(nameof(ProxyEnvironment), DisableParallelization = true)]
public sealed class ProxyEnvironment;
