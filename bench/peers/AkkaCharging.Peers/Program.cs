using System.Globalization;
using System.Net;
using AkkaCharging.Peers;

// ceiling PORT: the accept path alone, nothing behind it. bare PORT ACL: the bare peer.
var builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.ConfigureKestrel(kestrel =>
{
    kestrel.AddServerHeader = false;
    kestrel.Listen(IPAddress.Loopback, int.Parse(args[1], CultureInfo.InvariantCulture));
});
await using var app = builder.Build();
if (args[0] is "bare")
{
    var deliveries = new Deliveries(args[2]);
    app.MapAccept(accepted => ValueTask.FromResult(deliveries.TryTake(accepted)));
}
else
{
    app.MapAccept(_ => ValueTask.FromResult(true));
}

app.MapGet("/health/ready", () => "ready");
await app.RunAsync();
