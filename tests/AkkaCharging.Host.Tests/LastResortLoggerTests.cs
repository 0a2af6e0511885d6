using Akka.Actor;
using AkkaCharging.Host.Logging;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests;

/// <summary>
/// Akka's messages before the first logger and after the last: they must not appear as text among the JSON lines of
/// standard output.
/// </summary>
[Trait("Category", "Component")]
public sealed class LastResortLoggerTests
{
    [Fact]
    public async Task ActorSystem_LogsPastItsLoggers_ByTheLastResort()
    {
        await using var service = await RunningService.StartAsync();

        Assert.IsType<LastResortLogger>(service.App.Services.GetRequiredService<ActorSystem>().Settings.StdoutLogger);
    }
}
