namespace AkkaCharging.Settings;

/// <summary>Block <c>server</c>: the public listener.</summary>
/// <param name="ShutdownDelay">Between "not ready" and refusing new work, for load balancers to notice.</param>
/// <param name="ShutdownGrace">For finishing what is in flight after that.</param>
/// <param name="AllowAnonymous">Says explicitly that a listener beyond loopback may run without API keys.</param>
public sealed record ServerSettings(
    string Host,
    int Port,
    bool Development,
    int MaxRequestBodyBytes,
    TimeSpan RequestTimeout,
    TimeSpan ShutdownDelay,
    TimeSpan ShutdownGrace,
    IReadOnlyList<string> CorsAllowedOrigins,
    IReadOnlyList<ApiKeySettings> ApiKeys,
    bool AllowAnonymous);

/// <summary>One entry of <c>server.apiKeys</c>.</summary>
/// <param name="Name">Whose key it is; two entries may share a name while a key is rotated.</param>
/// <param name="Sha256">64 hexadecimal digits: the key itself is never configured in clear.</param>
/// <param name="CallbackHosts">Hosts that this key may name in callback URLs, <c>*.example.com</c> for all below a domain; empty for any.</param>
/// <param name="RequestsPerSecond">The key's own rate limit; zero for none.</param>
public sealed record ApiKeySettings(string Name, string Sha256, IReadOnlyList<string> CallbackHosts, double RequestsPerSecond);

/// <summary>Block <c>management</c>: the operators' listener.</summary>
public sealed record ManagementSettings(string Host, int Port, string Token);

/// <summary>Block <c>request</c>.</summary>
/// <param name="MaxAge">How old a request may be when a callback attempt starts.</param>
public sealed record RequestSettings(TimeSpan MaxAge);

/// <summary>Block <c>queue</c>.</summary>
/// <param name="MaxSize">Requests accepted and not settled, over all lanes.</param>
/// <param name="ConsumerThreads">Lanes side by side, each with a graph and a supervisor of its own.</param>
/// <param name="DestinationShare">Alpha of the dynamic threshold: a destination may hold alpha times the free space.</param>
public sealed record QueueSettings(int MaxSize, int ConsumerThreads, double DestinationShare);
