using AkkaCharging.Requests;
using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>Block <c>server</c>: the public listener.</summary>
/// <param name="MaxConnections">Maximum number of open connections; zero for as many as the limit of open files
/// allows.</param>
/// <param name="KeepAlive">How long a connection without a request stays open, on either listener.</param>
/// <param name="ShutdownDelay">Time between reporting "not ready" and rejecting new requests, for load balancers to
/// react.</param>
/// <param name="ShutdownGrace">Time after that for pending requests to finish.</param>
/// <param name="ApiKeysFile">Path of a HOCON file with further keys as <c>apiKeys</c>, watched for changes; empty for
/// none.</param>
/// <param name="AllowAnonymous">Whether a listener beyond loopback may run without API keys.</param>
/// <param name="AnonymousRequestsPerSecond">Rate limit of each address without an API key; zero for no limit.</param>
/// <param name="WrongKeysPerSecond">Number of wrong API keys per address and second that are checked; zero for no
/// limit.</param>
internal sealed record ServerSettings(
    string Host,
    int Port,
    bool Development,
    int MaxRequestBodyBytes,
    TimeSpan RequestTimeout,
    int MaxConnections,
    TimeSpan KeepAlive,
    TimeSpan ShutdownDelay,
    TimeSpan ShutdownGrace,
    IReadOnlyList<string> CorsAllowedOrigins,
    IReadOnlyList<ApiKeySettings> ApiKeys,
    string ApiKeysFile,
    bool AllowAnonymous,
    double AnonymousRequestsPerSecond,
    double WrongKeysPerSecond,
    CallerTlsSettings Tls
)
{
    /// <summary>Whether callers need an API key.</summary>
    public bool NeedsApiKey => ApiKeys.Count > 0 || ApiKeysFile.Length > 0;

    internal static ServerSettings Read(HoconSection hocon) =>
        new(
            Host: hocon.One("host", SettingKind.NonEmpty),
            Port: hocon.Count("port", min: 0, max: 65_535),
            Development: hocon.Flag("development"),
            MaxRequestBodyBytes: hocon.Count("maxRequestBodyBytes", min: 512, max: 1_048_576),
            RequestTimeout: hocon.Duration("requestTimeoutMillis", min: 100, max: 600_000),
            MaxConnections: hocon.Count("maxConnections", min: 0, max: 1_000_000),
            KeepAlive: hocon.Duration("keepAliveMillis", min: 1_000, max: 3_600_000),
            ShutdownDelay: hocon.Duration("shutdownDelayMillis", min: 0, max: 300_000),
            ShutdownGrace: hocon.Duration("shutdownGraceMillis", min: 0, max: 300_000),
            CorsAllowedOrigins: hocon.Section("cors").Many("allowedOrigins", SettingKind.Origin),
            ApiKeys: hocon.Entries("apiKeys", ApiKeySettings.Expected, ApiKeySettings.Read),
            ApiKeysFile: hocon.Text("apiKeysFile"),
            AllowAnonymous: hocon.Flag("allowAnonymous"),
            AnonymousRequestsPerSecond: hocon.Number("anonymousRequestsPerSecond", min: 0, max: 1_000_000),
            WrongKeysPerSecond: hocon.Number("wrongKeysPerSecond", min: 0, max: 1_000_000),
            Tls: CallerTlsSettings.Read(hocon.Section("tls"))
        );
}

/// <summary>One entry of <c>server.apiKeys</c> or of <c>server.apiKeysFile</c>.</summary>
/// <param name="Name">The owner of the key; two entries may share a name while a key is rotated.</param>
/// <param name="Sha256">The hash of the key in 64 hexadecimal digits; the key itself is never configured.</param>
/// <param name="CallbackHosts">Hosts that this key may use in callback URLs, <c>*.example.com</c> for all below a
/// domain; empty for any.</param>
/// <param name="RequestsPerSecond">The rate limit of the key, for submissions and for look-ups; zero for no
/// limit.</param>
internal sealed record ApiKeySettings(
    string Name,
    string Sha256,
    IReadOnlyList<string> CallbackHosts,
    double RequestsPerSecond
)
{
    /// <summary>Describes an entry in messages.</summary>
    public const string Expected = "{ name, sha256, callbackHosts, requestsPerSecond }";

    internal static ApiKeySettings Read(HoconSection hocon) =>
        new(
            Name: hocon.One("name", SettingKind.NonEmpty),
            Sha256: hocon.One("sha256", SettingKind.Sha256),
            CallbackHosts: hocon.Many("callbackHosts", SettingKind.HostPattern),
            RequestsPerSecond: hocon.Number("requestsPerSecond", min: 0, max: 1_000_000, missing: "0")
        );
}

/// <summary>
/// A page that can be moved from the public listener to the operators' listener: an item of <c>management.confine</c>.
/// </summary>
internal enum ConfinedPage
{
    /// <summary>The page <c>/metrics</c>.</summary>
    Metrics,

    /// <summary>The page <c>/health</c>; the probes below it stay.</summary>
    Health,

    /// <summary>The page <c>/openapi/v1.json</c>.</summary>
    OpenApi,
}

/// <summary>Block <c>management</c>: the operators' listener.</summary>
/// <param name="Token">The token of an operator without a name, who may change everything; empty for none.</param>
/// <param name="Operators">Operators with a token each. Without any token the listener must be on loopback.</param>
/// <param name="MaxConnections">Maximum number of open connections, reserved for operators regardless of the number of
/// callers.</param>
/// <param name="Confine">Pages that are served on this listener only.</param>
/// <param name="WrongTokensPerSecond">Number of wrong tokens per address and second that are checked; zero for no
/// limit.</param>
internal sealed record ManagementSettings(
    string Host,
    int Port,
    string Token,
    IReadOnlyList<OperatorSettings> Operators,
    int MaxConnections,
    IReadOnlyList<ConfinedPage> Confine,
    double WrongTokensPerSecond,
    ListenerTlsSettings Tls
)
{
    internal static ManagementSettings Read(HoconSection hocon) =>
        new(
            Host: hocon.One("host", SettingKind.NonEmpty),
            Port: hocon.Count("port", min: 0, max: 65_535),
            Token: hocon.One("token", SettingKind.Token),
            Operators: hocon.Entries("operators", "{ name, sha256, access }", OperatorSettings.Read),
            MaxConnections: hocon.Count("maxConnections", min: 1, max: 10_000),
            Confine: hocon.Many("confine", SettingKind.Choice<ConfinedPage>()),
            WrongTokensPerSecond: hocon.Number("wrongTokensPerSecond", min: 0, max: 1_000_000),
            Tls: ListenerTlsSettings.Read(hocon.Section("tls"))
        );
}

/// <summary>What an operator may do.</summary>
internal enum OperatorRight
{
    /// <summary>The operator may read, but change nothing.</summary>
    Read,

    /// <summary>The operator may read and change everything.</summary>
    Write,
}

/// <summary>One entry of <c>management.operators</c>.</summary>
/// <param name="Name">The name of the operator in the log of changes.</param>
/// <param name="Sha256">The hash of the operator's token in 64 hexadecimal digits.</param>
internal sealed record OperatorSettings(string Name, string Sha256, OperatorRight Access)
{
    /// <summary>Name of the operator who has <c>management.token</c>.</summary>
    public const string OfToken = "token";

    /// <summary>Name of the operator on this machine, where no token is needed.</summary>
    public const string OfThisMachine = "loopback";

    internal static OperatorSettings Read(HoconSection hocon) =>
        new(
            Name: hocon.One("name", SettingKind.NonEmpty),
            Sha256: hocon.One("sha256", SettingKind.Sha256),
            Access: hocon.One("access", SettingKind.Choice<OperatorRight>(), missing: "read")
        );
}

/// <summary>Block <c>request</c>.</summary>
/// <param name="MaxAge">Maximum age of a request at which a callback attempt starts.</param>
internal sealed record RequestSettings(TimeSpan MaxAge, DriverTokenSettings DriverToken)
{
    internal static RequestSettings Read(HoconSection hocon) =>
        new(
            MaxAge: hocon.Duration("maxAgeMillis", min: 1_000, max: 86_400_000),
            DriverToken: DriverTokenSettings.Read(hocon.Section("driverToken"))
        );
}

/// <summary>Block <c>request.driverToken</c>.</summary>
/// <param name="MinLength">Minimum length of a token.</param>
internal sealed record DriverTokenSettings(int MinLength, TokenCharacters Characters)
{
    /// <summary>The rules for tokens.</summary>
    public DriverTokenRules Rules => new(MinLength, Characters);

    internal static DriverTokenSettings Read(HoconSection hocon) =>
        new(
            MinLength: hocon.Count(
                "minLength",
                DriverTokenRules.ShortestMin,
                AkkaCharging.Requests.DriverToken.LengthMax
            ),
            Characters: hocon.Choice<TokenCharacters>("characters")
        );
}

/// <summary>Block <c>queue</c>.</summary>
/// <param name="MaxSize">Maximum number of accepted, unsettled requests over all lanes.</param>
/// <param name="ConsumerThreads">Number of concurrent lanes, each with its own graph and supervisor.</param>
/// <param name="DestinationShare">Alpha of the dynamic threshold: a destination may hold alpha times the free
/// space.</param>
internal sealed record QueueSettings(int MaxSize, int ConsumerThreads, double DestinationShare)
{
    internal static QueueSettings Read(HoconSection hocon) =>
        new(
            MaxSize: hocon.Count("maxSize", min: 1, max: 10_000_000),
            ConsumerThreads: hocon.Count("consumerThreads", min: 1, max: 256),
            DestinationShare: hocon.Number("destinationShare", min: 0.01, max: 1_000)
        );
}
