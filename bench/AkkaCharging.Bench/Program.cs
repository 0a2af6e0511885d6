using AkkaCharging.Bench;

return await Harness.RunAsync(args);
