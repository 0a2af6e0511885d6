using System.Net;
using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>Block <c>callback</c>.</summary>
/// <param name="Timeout">Time-out of one attempt.</param>
/// <param name="RetryDelay">Wait before the first retry; doubled for each further one.</param>
/// <param name="MaxRetryDelay">Maximum wait, including one that a receiver asks for.</param>
/// <param name="Jitter">Maximum random share added to a wait, 0 to 1.</param>
/// <param name="MaxInFlight">Maximum number of attempts in flight, over all lanes and destinations.</param>
/// <param name="MaxInFlightPerDestination">Maximum number of attempts in flight to one destination, once it has earned
/// them.</param>
/// <param name="MaxConcurrentRetries">Maximum number of retries that wait or run as streams; further ones wait in plain
/// lines.</param>
/// <param name="RedrivesPerSecond">Maximum number of dead letters per second in a bulk redrive.</param>
internal sealed record CallbackSettings(
    TimeSpan Timeout,
    int MaxRetries,
    TimeSpan RetryDelay,
    TimeSpan MaxRetryDelay,
    double Jitter,
    int MaxInFlight,
    int MaxInFlightPerDestination,
    int MaxConcurrentRetries,
    int RedrivesPerSecond,
    DestinationBreakerSettings DestinationBreaker,
    CallbackSecuritySettings Security,
    SigningSettings Signing
)
{
    internal static CallbackSettings Read(HoconSection hocon) =>
        new(
            Timeout: hocon.Duration("timeoutMillis", min: 1, max: 600_000),
            MaxRetries: hocon.Count("maxRetries", min: 0, max: 100),
            RetryDelay: hocon.Duration("retryDelayMillis", min: 1, max: 3_600_000),
            MaxRetryDelay: hocon.Duration("maxRetryDelayMillis", min: 1, max: 3_600_000),
            Jitter: hocon.Number("jitter", min: 0, max: 1),
            MaxInFlight: hocon.Count("maxInFlight", min: 1, max: 1_000_000),
            MaxInFlightPerDestination: hocon.Count("maxInFlightPerDestination", min: 1, max: 100_000),
            MaxConcurrentRetries: hocon.Count("maxConcurrentRetries", min: 1, max: 1_000_000),
            RedrivesPerSecond: hocon.Count("redrivesPerSecond", min: 1, max: 10_000),
            DestinationBreaker: DestinationBreakerSettings.Read(hocon.Section("destinationBreaker")),
            Security: CallbackSecuritySettings.Read(hocon.Section("security")),
            Signing: SigningSettings.Read(hocon.Section("signing"))
        );
}

/// <summary>Block <c>callback.destinationBreaker</c>.</summary>
internal sealed record DestinationBreakerSettings(bool Enabled, int MaxFailures, TimeSpan ResetTimeout)
{
    internal static DestinationBreakerSettings Read(HoconSection hocon) =>
        new(
            Enabled: hocon.Flag("enabled"),
            MaxFailures: hocon.Count("maxFailures", min: 1, max: 1_000_000),
            ResetTimeout: hocon.Duration("resetTimeoutMillis", min: 1, max: 3_600_000)
        );
}

/// <summary>Block <c>callback.security</c>: the callback address policy.</summary>
/// <param name="AllowedPorts">The allowed ports; empty for any.</param>
/// <param name="Allow">Networks that are allowed in addition to public ones; loopback and metadata addresses only as
/// /32 or /128.</param>
/// <param name="Nat64">Whether an address in 64:ff9b::/96 gets the verdict of the IPv4 address it embeds.</param>
internal sealed record CallbackSecuritySettings(
    bool HttpsOnly,
    IReadOnlyList<int> AllowedPorts,
    IReadOnlyList<IPNetwork> Allow,
    bool Nat64
)
{
    internal static CallbackSecuritySettings Read(HoconSection hocon) =>
        new(
            HttpsOnly: hocon.Flag("httpsOnly"),
            AllowedPorts: hocon.Many("allowedPorts", SettingKind.Whole(min: 1, max: 65_535)),
            Allow: hocon.Many("allow", SettingKind.Network),
            Nat64: hocon.Flag("nat64")
        );
}

/// <summary>Block <c>callback.signing</c>.</summary>
/// <param name="Keys">The <c>whsec_…</c> keys, all of which sign: two while a key is rotated.</param>
internal sealed record SigningSettings(IReadOnlyList<string> Keys, string KeysFile, bool Required)
{
    internal static SigningSettings Read(HoconSection hocon) =>
        new(
            Keys: hocon.Many("keys", SettingKind.SigningKey),
            KeysFile: hocon.Text("keysFile"),
            Required: hocon.Flag("required")
        );
}
