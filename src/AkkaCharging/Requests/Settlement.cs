namespace AkkaCharging.Requests;

/// <summary>How a request ended.</summary>
/// <param name="State"><see cref="RequestState.Delivered"/>, <see cref="RequestState.Failed"/> or
/// <see cref="RequestState.Expired"/>.</param>
/// <param name="LastAttempt">The attempt that settled it; null when none was made.</param>
internal sealed record Settlement(RequestState State, DateTimeOffset At, CallbackAttempt? LastAttempt);
