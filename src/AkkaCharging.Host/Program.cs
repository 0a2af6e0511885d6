using AkkaCharging.Host;

return await ChargingApp.RunAsync(args);
