using System.Net;
using AkkaCharging.Host.Composition;
using AkkaCharging.Host.Http;
using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests;

[Trait("Category", "Component")]
public sealed class ListenerTests
{
    [Theory]
    [InlineData("0.0.0.0", "127.0.0.1")]
    [InlineData("::", "[::1]")]
    [InlineData("[::]", "[::1]")]
    [InlineData("0:0:0:0:0:0:0:0", "[::1]")]
    [InlineData("*", "127.0.0.1")]
    [InlineData("+", "127.0.0.1")]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("10.1.2.3", "10.1.2.3")]
    [InlineData("::1", "[::1]")]
    [InlineData("[::1]", "[::1]")]
    [InlineData("localhost", "localhost")]
    [InlineData("station.example.com", "station.example.com")]
    public void LoopbackOf_IsAHostOfAUrl(string host, string expected)
    {
        Assert.Equal(expected, Listener.LoopbackOf(host));
        Assert.Equal("/health", new Uri($"http://{Listener.LoopbackOf(host)}:8080/health").AbsolutePath);
    }

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("::1", "[::1]")]
    [InlineData("localhost", "127.0.0.1")]
    [InlineData("*", "[::]")]
    [InlineData("0.0.0.0", "0.0.0.0")]
    public async Task Host_IsListenedOn_AndReachedByItsLoopback(string host, string bound)
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithServer(server => server with { Host = host })
        );
        var address = Listener.PublicAddressOf(service.App);

        using var answer = await service.Http.GetAsync(
            $"http://{Listener.LoopbackOf(host)}:{address.Port}/health/ready"
        );

        Assert.Equal((bound, HttpStatusCode.OK), (address.Host, answer.StatusCode));
    }

    [Fact]
    public async Task LocalhostWithAPort_AndAName_AreListenedOn()
    {
        var port = FreePort.Next();
        await using (
            await RunningService.StartAsync(settings =>
                settings.WithServer(server => server with { Host = Dns.GetHostName() })
            )
        )
        {
            var app = ChargingHost.Build(
                AkkaCharging.Settings.SettingsLoader.Defaults.WithServer(server =>
                    server with
                    {
                        Host = "localhost",
                        Port = port,
                    }
                ) with
                {
                    Management = AkkaCharging.Settings.SettingsLoader.Defaults.Management with { Port = 0 },
                    Authorization = AkkaCharging.Settings.SettingsLoader.Defaults.Authorization with
                    {
                        Provider = AkkaCharging.Settings.AuthorizationProvider.Http,
                        Http = AkkaCharging.Settings.SettingsLoader.Defaults.Authorization.Http with
                        {
                            Url = new Uri("http://127.0.0.1:1"),
                        },
                    },
                }
            );
            await using (app)
            {
                await app.StartAsync();
                using var http = new HttpClient();
                Assert.True((await http.GetAsync($"http://127.0.0.1:{port}/health/ready")).IsSuccessStatusCode);
                await app.StopAsync();
            }
        }
    }
}
