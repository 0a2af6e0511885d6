// Scenarios mostly wait, for processes and for time-outs, and so run beside each other. Those that time what a process
// does are in the collection RunsAlone.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]
