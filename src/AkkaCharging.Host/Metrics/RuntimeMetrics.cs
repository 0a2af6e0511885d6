using Prometheus;

namespace AkkaCharging.Host.Metrics;

/// <summary>
/// The process and the .NET runtime: what the library has, and what tells a starved thread pool or a busy garbage
/// collector.
/// </summary>
/// <remarks>
/// Not the runtime's meters as they are: those of its HTTP client have a label for each host, and callers choose the
/// hosts.
/// </remarks>
internal static class RuntimeMetrics
{
    public static void Register(CollectorRegistry registry)
    {
        DotNetStats.Register(registry);
        var metrics = Prometheus.Metrics.WithCustomRegistry(registry);
        var pauses = metrics.CreateCounter(
            "dotnet_gc_pause_seconds_total",
            "Time that the garbage collector stopped the process."
        );
        var allocated = metrics.CreateCounter("dotnet_gc_allocated_bytes_total", "Bytes allocated.");
        var heap = metrics.CreateGauge(
            "dotnet_gc_heap_bytes",
            "Size of the managed heap after the last collection, free space included."
        );
        var contentions = metrics.CreateCounter("dotnet_lock_contentions_total", "Locks that had to be waited for.");
        var threads = metrics.CreateGauge("dotnet_threadpool_threads", "Threads of the pool.");
        var queued = metrics.CreateGauge("dotnet_threadpool_queued_items", "Work that waits for a thread of the pool.");
        var completed = metrics.CreateCounter(
            "dotnet_threadpool_completed_items_total",
            "Work that the pool has done."
        );
        registry.AddBeforeCollectCallback(() =>
        {
            pauses.IncTo(GC.GetTotalPauseDuration().TotalSeconds);
            allocated.IncTo(GC.GetTotalAllocatedBytes());
            heap.Set(GC.GetGCMemoryInfo().HeapSizeBytes);
            contentions.IncTo(Monitor.LockContentionCount);
            threads.Set(ThreadPool.ThreadCount);
            queued.Set(ThreadPool.PendingWorkItemCount);
            completed.IncTo(ThreadPool.CompletedWorkItemCount);
        });
    }
}
