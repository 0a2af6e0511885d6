namespace AkkaCharging.Requests;

/// <summary>The outcome of a request.</summary>
/// <param name="State">The final state: <see cref="RequestState.Delivered"/>, <see cref="RequestState.Failed"/> or
/// <see cref="RequestState.Expired"/>.</param>
/// <param name="LastAttempt">The attempt that settled the request; null when none was made.</param>
internal sealed record Settlement(RequestState State, DateTimeOffset At, CallbackAttempt? LastAttempt);
