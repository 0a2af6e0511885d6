using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Authorization;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

/// <summary>What a journal shows of a request that tests do not care about.</summary>
internal static class SampleRecord
{
    public static RequestRecord Of(RequestId id) =>
        new(
            id,
            StationId: Queries.Station,
            DriverTokenMasked: "cana***",
            ApiKeyName: null,
            State: RequestState.Queued,
            Decision: null,
            AcceptedAt: Sample.Now,
            SettledAt: null,
            Attempts: [],
            ExpiresAt: Sample.Now.AddMinutes(5),
            AttemptsMade: 0,
            TokenFingerprint: new byte[IdempotencyHasher.FingerprintBytes],
            Destination: "http://127.0.0.1:8080"
        );
}
