using AkkaCharging.Host.Http;
using AkkaCharging.Settings;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests.Http;

[Trait("Category", "Unit")]
public sealed class ApiErrorsTests
{
    [Theory]
    [InlineData("HTTP/1.0", "close")]
    [InlineData("HTTP/1.1", "close")]
    [InlineData("HTTP/2", "")]
    [InlineData("HTTP/3", "")]
    public async Task UnreadBody_ClosesTheConnection_OnlyWhereThatHeaderExists(string protocol, string connection)
    {
        await using var services = new ServiceCollection().AddSingleton(TimeProvider.System).BuildServiceProvider();
        foreach (var problem in new[] { BodyProblem.TooLarge, BodyProblem.TooSlow, BodyProblem.Broken })
        {
            var context = new DefaultHttpContext { RequestServices = services };
            context.Request.Protocol = protocol;

            await context.WriteBodyProblemAsync(problem, SettingsLoader.Defaults.Server);

            Assert.Equal(connection, context.Response.Headers.Connection.ToString());
        }
    }
}
