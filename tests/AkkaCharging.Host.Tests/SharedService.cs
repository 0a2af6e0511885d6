using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests;

/// <summary>One service with default settings and one receiver, for every test that changes neither.</summary>
public sealed class SharedService : IAsyncLifetime
{
    public const string Name = "shared service";

    internal RunningService Service { get; private set; } = null!;

    internal CallbackReceiver Receiver { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Receiver = await CallbackReceiver.StartAsync();
        Service = await RunningService.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await Service.DisposeAsync();
        await Receiver.DisposeAsync();
    }
}

[CollectionDefinition(SharedService.Name)]
public sealed class SharedServiceDefinition : ICollectionFixture<SharedService>;
