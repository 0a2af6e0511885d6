// Scenarios time what a process does: beside each other on a small machine they would time each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
