// Scenarios mostly wait, for processes and for time-outs, so they run in parallel. Scenarios that measure time are in
// the collection RunsAlone.
[assembly: CollectionBehavior(MaxParallelThreads = 4)]
[assembly: TestCollectionOrderer("AkkaCharging.Scenarios.LongestFirst", "AkkaCharging.Scenarios")]
