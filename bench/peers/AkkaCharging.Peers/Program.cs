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
    app.MapAccept(new Deliveries(args[2]).TryTake);
else
    app.MapAccept(_ => true);
app.MapGet("/health/ready", () => "ready");
await app.RunAsync();
