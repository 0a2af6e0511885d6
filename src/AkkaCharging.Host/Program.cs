using AkkaCharging.Host;

return await ChargingApp.RunAsync(args);

// Declared internal; the SDK would make it public.
internal sealed partial class Program;
