using Akka.Actor;

namespace AkkaCharging.Pipeline;

/// <summary>Has the timers of an actor system run before anything needs them.</summary>
/// <remarks>
/// Akka's scheduler starts with the first timer: whoever asks for one then waits, on its thread, for a task of the same
/// thread pool. When many ask at once, as streams do whose first attempts have failed together, each takes a thread and
/// the task gets none, until the pool has grown by as many (5 to 39 s of standstill were seen).
/// </remarks>
internal static class SchedulerStart
{
    /// <summary>Returns when they run.</summary>
    public static void StartScheduler(this ActorSystem system) =>
        system.Scheduler.Advanced.ScheduleOnce(TimeSpan.Zero, () => { });
}
