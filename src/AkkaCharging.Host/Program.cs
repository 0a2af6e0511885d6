using AkkaCharging.Host;

return await ChargingApp.RunAsync(args);

// Else the SDK makes it public.
internal sealed partial class Program;
