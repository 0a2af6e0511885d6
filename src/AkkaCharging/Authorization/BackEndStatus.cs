using System.Net;

namespace AkkaCharging.Authorization;

/// <summary>Tells by which HTTP statuses a back end says that it failed, for all authorizers over HTTP.</summary>
internal static class BackEndStatus
{
    /// <summary>Checks whether the back end was too slow or overloaded, or failed: 408, 429 and 5xx.</summary>
    /// <remarks>
    /// As for callbacks, statuses from 600 to 999 are none of these: HTTP has no such class, so they say nothing of the
    /// back end.
    /// </remarks>
    public static bool IsFailure(HttpStatusCode status) => (int)status is 408 or 429 or (>= 500 and < 600);
}
