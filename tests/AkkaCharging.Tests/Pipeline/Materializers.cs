using Akka.Actor;
using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaCharging.Pipeline;

namespace AkkaCharging.Tests.Pipeline;

internal static class Materializers
{
    /// <summary>
    /// A materializer whose supervisor and timers run, as a lane's do before its first delivery fails. Who comes before
    /// them waits on its thread for an actor that needs one: hundreds at once leave it none.
    /// </summary>
    public static ActorMaterializer StartedMaterializer(this ActorSystem system)
    {
        system.StartScheduler();
        var materializer = system.Materializer();
        _ = Source.Empty<int>().RunWith(Sink.Ignore<int>(), materializer); // returns when the supervisor runs
        return materializer;
    }
}
