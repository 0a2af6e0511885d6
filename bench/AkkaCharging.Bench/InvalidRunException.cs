namespace AkkaCharging.Bench;

/// <summary>
/// A run whose figures mean nothing: errors, lost callbacks, a driver or receiver that could not keep up.
/// </summary>
internal sealed class InvalidRunException(string message) : Exception(message);
