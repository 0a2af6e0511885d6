namespace AkkaCharging.Settings;

/// <summary>Where decisions come from: <c>authorization.provider</c>.</summary>
public enum AuthorizationProvider
{
    /// <summary>A CSV file of rules, watched.</summary>
    Acl,

    /// <summary>A back end asked over HTTP.</summary>
    Http,
}

/// <summary>Block <c>authorization</c>.</summary>
/// <param name="Timeout">For one decision, retries included.</param>
/// <param name="MaxRetries">Of transient errors, within the time-out and inside the breaker.</param>
/// <param name="Parallelism">Decisions in progress at a time, over all lanes.</param>
public sealed record AuthorizationSettings(
    AuthorizationProvider Provider,
    TimeSpan Timeout,
    int MaxRetries,
    int Parallelism,
    AclSettings Acl,
    HttpAuthorizerSettings Http,
    ThrottleSettings Throttle,
    CircuitBreakerSettings CircuitBreaker);

/// <summary>Block <c>authorization.acl</c>.</summary>
public sealed record AclSettings(string File);

/// <summary>Block <c>authorization.http</c>.</summary>
/// <param name="Url">Null unless the provider is <see cref="AuthorizationProvider.Http"/> or it was set.</param>
public sealed record HttpAuthorizerSettings(Uri? Url, string BearerToken, TimeSpan AttemptTimeout);

/// <summary>Block <c>authorization.throttle</c>.</summary>
/// <param name="Elements">Let through per <paramref name="Per"/>; zero for no limit.</param>
/// <param name="Burst">May pass at once after a quiet spell.</param>
public sealed record ThrottleSettings(int Elements, TimeSpan Per, int Burst);

/// <summary>Block <c>authorization.circuitBreaker</c>.</summary>
/// <param name="BackoffFactor">A whole number, because Akka's breaker cuts off the rest.</param>
public sealed record CircuitBreakerSettings(bool Enabled, int MaxFailures, TimeSpan ResetTimeout, int BackoffFactor, TimeSpan MaxResetTimeout);
