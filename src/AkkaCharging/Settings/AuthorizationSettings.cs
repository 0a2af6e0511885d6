using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>The source of decisions: <c>authorization.provider</c>.</summary>
internal enum AuthorizationProvider
{
    /// <summary>A CSV file of rules, which is watched for changes.</summary>
    Acl,

    /// <summary>A back end that is asked over HTTP.</summary>
    Http,

    /// <summary>An <c>IAuthorizer</c> that the program registers with <c>ChargingApp.RunAsync</c>.</summary>
    Custom,

    /// <summary>The operator's own database, which is asked with the operator's query.</summary>
    Sql,

    /// <summary>Partners that are asked in real time over OCPI.</summary>
    Ocpi,

    /// <summary>Several of the other providers, asked in turn.</summary>
    Chain,
}

/// <summary>What a chain does when an authorizer gives no answer: <c>authorization.chainOnUnavailable</c>.</summary>
internal enum ChainStep
{
    /// <summary>The decision is <c>unknown</c>.</summary>
    Stop,

    /// <summary>The next authorizer is asked.</summary>
    Next,
}

/// <summary>The form that identifiers are converted to for look-ups: <c>authorization.normalize</c>.</summary>
internal enum TokenNormalization
{
    /// <summary>Identifiers stay unchanged: upper and lower case differ.</summary>
    None,

    /// <summary>Identifiers are converted to capitals.</summary>
    Upper,

    /// <summary>Identifiers are converted to capitals; hexadecimal digits lose their separators.</summary>
    Rfid,

    /// <summary>
    /// Identifiers are converted to the 14 characters of an eMA id, without separators and check digit.
    /// </summary>
    Emaid,
}

/// <summary>Block <c>authorization</c>.</summary>
/// <param name="Chain">The authorizers of the provider <see cref="AuthorizationProvider.Chain"/>, in order.</param>
/// <param name="AnswerWithin">Time from acceptance to the decision, including the wait in the queue; null for no
/// limit.</param>
/// <param name="TypedTokens">Whether tokens may name their type and party.</param>
/// <param name="StationsFile">Path of the file with the stations' names in partner systems; empty for none.</param>
/// <param name="Timeout">Time-out of one decision, including retries.</param>
/// <param name="MaxRetries">Retries after a transient error; all attempts share <paramref name="Timeout"/> and count as
/// one call of the breaker.</param>
/// <param name="Parallelism">Maximum number of concurrent decisions, over all lanes.</param>
internal sealed record AuthorizationSettings(
    AuthorizationProvider Provider,
    IReadOnlyList<AuthorizationProvider> Chain,
    ChainStep ChainOnUnavailable,
    TimeSpan? AnswerWithin,
    bool TypedTokens,
    TokenNormalization Normalize,
    string StationsFile,
    TimeSpan Timeout,
    int MaxRetries,
    int Parallelism,
    AclSettings Acl,
    HttpAuthorizerSettings Http,
    SqlAuthorizerSettings Sql,
    OcpiSettings Ocpi,
    ThrottleSettings Throttle,
    CircuitBreakerSettings CircuitBreaker
)
{
    /// <summary>Checks whether <paramref name="provider"/> is asked, alone or in the chain.</summary>
    public bool Uses(AuthorizationProvider provider) => Asked.Contains(provider);

    /// <summary>The providers that are asked, in order.</summary>
    public IReadOnlyList<AuthorizationProvider> Asked => Provider == AuthorizationProvider.Chain ? Chain : [Provider];

    internal static AuthorizationSettings Read(HoconSection hocon) =>
        new(
            Provider: hocon.Choice<AuthorizationProvider>("provider"),
            Chain: hocon.Many("chain", SettingKind.Choice<AuthorizationProvider>()),
            ChainOnUnavailable: hocon.Choice<ChainStep>("chainOnUnavailable"),
            AnswerWithin: hocon.Duration("answerWithinMillis", min: 0, max: 3_600_000) is { Ticks: > 0 } within
                ? within
                : null,
            TypedTokens: hocon.Flag("typedTokens"),
            Normalize: hocon.Choice<TokenNormalization>("normalize"),
            StationsFile: hocon.Text("stationsFile"),
            Timeout: hocon.Duration("timeoutMillis", min: 1, max: 3_600_000),
            MaxRetries: hocon.Count("maxRetries", min: 0, max: 100),
            Parallelism: hocon.Count("parallelism", min: 1, max: 10_000),
            Acl: AclSettings.Read(hocon.Section("acl")),
            Http: HttpAuthorizerSettings.Read(hocon.Section("http")),
            Sql: SqlAuthorizerSettings.Read(hocon.Section("sql")),
            Ocpi: OcpiSettings.Read(hocon.Section("ocpi")),
            Throttle: ThrottleSettings.Read(hocon.Section("throttle")),
            CircuitBreaker: CircuitBreakerSettings.Read(hocon.Section("circuitBreaker"))
        );
}

/// <summary>Block <c>authorization.acl</c>.</summary>
internal sealed record AclSettings(string File)
{
    internal static AclSettings Read(HoconSection hocon) => new(File: hocon.One("file", SettingKind.NonEmpty));
}

/// <summary>Block <c>authorization.http</c>.</summary>
/// <param name="Url">The back end's URL; null unless it was set or the provider is
/// <see cref="AuthorizationProvider.Http"/>.</param>
internal sealed record HttpAuthorizerSettings(Uri? Url, string BearerToken, TimeSpan AttemptTimeout)
{
    internal static HttpAuthorizerSettings Read(HoconSection hocon) =>
        new(
            Url: hocon.One("url", SettingKind.OptionalUrl),
            BearerToken: hocon.One("bearerToken", SettingKind.Token),
            AttemptTimeout: hocon.Duration("attemptTimeoutMillis", min: 1, max: 3_600_000)
        );
}

/// <summary>Block <c>authorization.throttle</c>.</summary>
/// <param name="Elements">Number of requests let through per <paramref name="Per"/>; zero for no limit.</param>
/// <param name="Burst">Number of requests that may pass at once after a pause.</param>
internal sealed record ThrottleSettings(int Elements, TimeSpan Per, int Burst)
{
    internal static ThrottleSettings Read(HoconSection hocon) =>
        new(
            Elements: hocon.Count("elements", min: 0, max: 10_000_000),
            Per: hocon.Duration("perMillis", min: 1, max: 3_600_000),
            Burst: hocon.Count("burst", min: 1, max: 10_000_000)
        );
}

/// <summary>Block <c>authorization.circuitBreaker</c>.</summary>
/// <param name="BackoffFactor">The factor of the back-off; a whole number, because Akka's breaker truncates it.</param>
internal sealed record CircuitBreakerSettings(
    bool Enabled,
    int MaxFailures,
    TimeSpan ResetTimeout,
    int BackoffFactor,
    TimeSpan MaxResetTimeout
)
{
    internal static CircuitBreakerSettings Read(HoconSection hocon) =>
        new(
            Enabled: hocon.Flag("enabled"),
            MaxFailures: hocon.Count("maxFailures", min: 1, max: 1_000_000),
            ResetTimeout: hocon.Duration("resetTimeoutMillis", min: 1, max: 3_600_000),
            BackoffFactor: hocon.Count("backoffFactor", min: 1, max: 100),
            MaxResetTimeout: hocon.Duration("maxResetMillis", min: 1, max: 86_400_000)
        );
}
