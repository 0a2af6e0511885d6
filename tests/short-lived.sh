# Read by scripts that run hundreds of processes for seconds each. Such a process does not get back what .NET spends on
# observing code that may deserve to be compiled again, and on protecting the pages that hold it.
export DOTNET_TieredPGO=0 DOTNET_EnableWriteXorExecute=0

# Services, moreover, compile no code again while they are still being started: one that answers 1,500 requests takes half
# the processor time by all of this. Tests of units, which compute for minutes, take longer.
services_are_short_lived() { export DOTNET_TC_CallCountingDelayMs=1000; }
