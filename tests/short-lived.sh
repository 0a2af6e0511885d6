# Read by scripts that run hundreds of processes for seconds each. Such a process does not get back what .NET spends on
# observing code that may deserve to be compiled again, and on protecting the pages that hold it: without both, a service
# that answers 1,500 requests takes half the processor time.
export DOTNET_TieredPGO=0 DOTNET_TC_CallCountingDelayMs=1000 DOTNET_EnableWriteXorExecute=0
