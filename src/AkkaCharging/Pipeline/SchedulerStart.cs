using Akka.Actor;

namespace AkkaCharging.Pipeline;

/// <summary>Starts the timers of an actor system before they are needed.</summary>
/// <remarks>
/// Akka's scheduler starts with its first timer, whose caller then blocks its thread until a task of the same thread
/// pool has run. When many callers do so at once, such as streams whose first attempts failed together, each blocks a
/// thread and the task gets none until the pool has grown by as many (standstills of 5 to 39 s were observed).
/// </remarks>
internal static class SchedulerStart
{
    /// <summary>Starts the scheduler, and returns when its timers run.</summary>
    public static void StartScheduler(this ActorSystem system) =>
        system.Scheduler.Advanced.ScheduleOnce(TimeSpan.Zero, () => { });
}
