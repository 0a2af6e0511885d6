using AkkaCharging.Micro;
using BenchmarkDotNet.Running;

BenchmarkSwitcher.FromAssembly(typeof(Some).Assembly).Run(args);
