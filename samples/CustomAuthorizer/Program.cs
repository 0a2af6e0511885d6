using AkkaCharging.Authorization;
using AkkaCharging.Host;
using CustomAuthorizer;

return await ChargingApp.RunAsync(args, services => services.AddSingleton<IAuthorizer, FleetAuthorizer>());
