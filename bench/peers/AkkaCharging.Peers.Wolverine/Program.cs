using System.Globalization;
using System.Net;
using AkkaCharging.Peers;
using AkkaCharging.Peers.Wolverine;
using JasperFx;
using JasperFx.CodeGeneration;
using Wolverine;
using Wolverine.ErrorHandling;

// PORT ACL sqlite|postgres CONNECTIONSTRING. The first line of the output is the durability of the store.
// "codegen write", built with -p:WritesCode=true -p:RestorePackagesWithLockFile=false, writes Internal/Generated. It is
// checked in with another first line, so that it is formatted, and without the roots for native code.
var writesCode = args[0] is "codegen";
var (port, acl, kind, connectionString) = writesCode
    ? ("0", "/dev/null", "sqlite", "Data Source=unused.db")
    : (args[0], args[1], args[2], args[3]);
await using var store = new Store(kind, connectionString);
var builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.ConfigureKestrel(kestrel =>
{
    kestrel.AddServerHeader = false;
    kestrel.Listen(IPAddress.Loopback, int.Parse(port, CultureInfo.InvariantCulture));
});
builder.Services.AddSingleton(new Callbacks(acl));
builder.Host.UseWolverine(wolverine =>
{
    store.Configure(wolverine);
    wolverine.CodeGeneration.TypeLoadMode = TypeLoadMode.Static;
    wolverine.UseSystemTextJsonForSerialization(json => json.TypeInfoResolverChain.Insert(0, MessageJson.Default));
    wolverine.Durability.Mode = DurabilityMode.Solo;
    wolverine.Durability.DurabilityMetricsEnabled = false;
    wolverine.Durability.RecoveryBatchSize = 1_000;
    wolverine
        .LocalQueueFor<AuthorizationRequested>()
        .UseDurableInbox()
        .MaximumParallelMessages(64)
        .TelemetryEnabled(false);
    wolverine
        .Policies.OnException<HttpRequestException>()
        .Or<TaskCanceledException>()
        .ScheduleRetry(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30));
});
await using var app = builder.Build();
if (writesCode)
    return await app.RunJasperFxCommands(args);
app.MapAccept(async accepted =>
{
    await app.MessageBus()
        .PublishAsync(
            new AuthorizationRequested(accepted.RequestId, accepted.StationId, accepted.DriverToken, accepted.Callback)
        );
    return true;
});
app.MapGet("/health/ready", () => "ready");
Console.WriteLine(await store.ReadDurabilityAsync());
await app.RunAsync();
return 0;
