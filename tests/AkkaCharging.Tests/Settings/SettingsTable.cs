namespace AkkaCharging.Tests.Settings;

/// <summary>
/// One row a setting: another value than the default, as a file and as a variable write it, and what it does.
/// </summary>
/// <param name="Property">Path of the property in the records.</param>
/// <param name="Expected">The property's value as <see cref="SettingsSnapshot"/> shows it.</param>
/// <param name="Bad">Values, as a file writes them, that are refused.</param>
internal sealed record SettingRow(
    string Key,
    string InFile,
    string InVariable,
    string Property,
    string Expected,
    params string[] Bad
);

internal static class SettingsTable
{
    public const string Sha = "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef";
    public const string EncryptionKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    public const string OtherEncryptionKey = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
    public const string SigningKey = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

    public static readonly IReadOnlyList<SettingRow> Rows =
    [
        Text("server.host", "localhost", "Server.Host", "\"\"", "\" \"", "[\"a\"]"),
        Count("server.port", "Server.Port", 0, 65_535),
        Flag("server.development", "Server.Development", true),
        Count("server.maxRequestBodyBytes", "Server.MaxRequestBodyBytes", 512, 1_048_576),
        Millis("server.requestTimeoutMillis", "Server.RequestTimeout", 100, 600_000),
        Count("server.maxConnections", "Server.MaxConnections", 0, 1_000_000),
        Millis("server.keepAliveMillis", "Server.KeepAlive", 1_000, 3_600_000),
        Millis("server.shutdownDelayMillis", "Server.ShutdownDelay", 0, 300_000),
        Millis("server.shutdownGraceMillis", "Server.ShutdownGrace", 0, 300_000),
        new(
            "server.cors.allowedOrigins",
            "[\"https://a.example\", \"*\"]",
            "https://a.example, *",
            "Server.CorsAllowedOrigins",
            "[https://a.example, *]",
            "\"*\"",
            "[\"https://a.example/\"]",
            "[\"ftp://a.example\"]",
            "[\"a.example\"]",
            "[\"\"]",
            "[[]]"
        ),
        new(
            "server.apiKeys",
            $"[{{ name = app, sha256 = {Sha}, callbackHosts = [\"*.a.example\"], requestsPerSecond = 1.5 }}, "
                + $"{{ name = b, sha256 = {new string('0', 64)} }}]",
            $$"""[{"name":"app","sha256":"{{Sha}}","callbackHosts":["*.a.example"],"requestsPerSecond":1.5},"""
                + $$"""{"name":"b","sha256":"{{new string('0', 64)}}"}]""",
            "Server.ApiKeys",
            $"[{{app, {Sha}, [*.a.example], 1.5}}, {{b, {new string('0', 64)}, [], 0}}]",
            "\"a\"",
            "[\"a\"]",
            "[{ name = a }]",
            "[{ sha256 = a, name = a }]",
            $"[{{ name = \"\", sha256 = {Sha} }}]",
            $"[{{ name = a, sha256 = {Sha}, requestsPerSecond = -1 }}]",
            $"[{{ name = a, sha256 = {Sha}, callbackHosts = [\"https://a\"] }}]",
            $"[{{ name = a, sha256 = {Sha}, callbackHosts = [\"*.\"] }}]",
            $"[{{ name = a, sha256 = {Sha[1..]}g }}]"
        ),
        Text("server.apiKeysFile", "keys.conf", "Server.ApiKeysFile", "[]"),
        Flag("server.allowAnonymous", "Server.AllowAnonymous", true),
        Number("server.anonymousRequestsPerSecond", "Server.AnonymousRequestsPerSecond", "0.5", "-0.1", "1000000.1"),
        Number("server.wrongKeysPerSecond", "Server.WrongKeysPerSecond", "0.5", "-0.1", "1000000.1"),
        Text("server.tls.certificateFile", "full.pem", "Server.Tls.CertificateFile", "[]"),
        Text("server.tls.keyFile", "key.pem", "Server.Tls.KeyFile", "[]"),
        Text("server.tls.password", "s3cret", "Server.Tls.Password", "[]"),
        Word("server.tls.clientCertificates", "required", "Server.Tls.ClientCertificates", "Required"),
        Text("server.tls.clientCaFile", "ca.pem", "Server.Tls.ClientCaFile", "[]"),
        Text("management.host", "localhost", "Management.Host", "\"\""),
        Count("management.port", "Management.Port", 0, 65_535),
        Text("management.token", "s3cret", "Management.Token", "\"a b\"", "\"\u00e9\"", "\"a\\n\""),
        new(
            "management.operators",
            $"[{{ name = ann, sha256 = {Sha}, access = write }}, {{ name = bo, sha256 = {new string('0', 64)} }}]",
            $$"""[{"name":"ann","sha256":"{{Sha}}","access":"write"},"""
                + $$"""{"name":"bo","sha256":"{{new string('0', 64)}}"}]""",
            "Management.Operators",
            $"[{{ann, {Sha}, Write}}, {{bo, {new string('0', 64)}, Read}}]",
            "\"a\"",
            "[\"a\"]",
            "[{ name = a }]",
            $"[{{ name = \"\", sha256 = {Sha} }}]",
            $"[{{ name = a, sha256 = {Sha}, access = admin }}]",
            "[{ name = a, sha256 = akc_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA }]"
        ),
        Count("management.maxConnections", "Management.MaxConnections", 1, 10_000),
        new(
            "management.confine",
            "[metrics, health, \"openapi\"]",
            "metrics, Health,OPENAPI",
            "Management.Confine",
            "[Metrics, Health, OpenApi]",
            "metrics",
            "[probes]",
            "[\"\"]",
            "[1]",
            "[[metrics]]"
        ),
        Number("management.wrongTokensPerSecond", "Management.WrongTokensPerSecond", "0.5", "-0.1", "1000000.1"),
        Text("management.tls.certificateFile", "full.pem", "Management.Tls.CertificateFile", "[]"),
        Text("management.tls.keyFile", "key.pem", "Management.Tls.KeyFile", "[]"),
        Text("management.tls.password", "s3cret", "Management.Tls.Password", "[]"),
        Millis("request.maxAgeMillis", "Request.MaxAge", 1_000, 86_400_000),
        Count("request.driverToken.minLength", "Request.DriverToken.MinLength", 4, 80),
        Word("request.driverToken.characters", "ocpp", "Request.DriverToken.Characters", "Ocpp"),
        Count("queue.maxSize", "Queue.MaxSize", 1, 10_000_000),
        Count("queue.consumerThreads", "Queue.ConsumerThreads", 1, 256),
        Number("queue.destinationShare", "Queue.DestinationShare", "0.01", "0.009", "1000.1"),
        Word("authorization.provider", "http", "Authorization.Provider", "Http"),
        new(
            "authorization.chain",
            "[acl, \"http\"]",
            "acl, HTTP",
            "Authorization.Chain",
            "[Acl, Http]",
            "acl",
            "[other]",
            "[\"\"]",
            "[1]",
            "[[acl]]"
        ),
        Word("authorization.chainOnUnavailable", "next", "Authorization.ChainOnUnavailable", "Next"),
        Millis("authorization.answerWithinMillis", "Authorization.AnswerWithin", 0, 3_600_000),
        Flag("authorization.typedTokens", "Authorization.TypedTokens", true),
        Word("authorization.normalize", "rfid", "Authorization.Normalize", "Rfid"),
        Text("authorization.stationsFile", "stations.csv", "Authorization.StationsFile", "[]"),
        Millis("authorization.timeoutMillis", "Authorization.Timeout", 1, 3_600_000),
        Count("authorization.maxRetries", "Authorization.MaxRetries", 0, 100),
        Count("authorization.parallelism", "Authorization.Parallelism", 1, 10_000),
        Text("authorization.acl.file", "rules.csv", "Authorization.Acl.File", "\"\""),
        new(
            "authorization.http.url",
            "\"https://a.example/x\"",
            "https://a.example/x",
            "Authorization.Http.Url",
            "https://a.example/x",
            "\"a.example\"",
            "\"ftp://a.example\"",
            "\"https://u:p@a.example\"",
            "\"https://\"",
            "[]"
        ),
        Text("authorization.http.bearerToken", "s3cret", "Authorization.Http.BearerToken", "\"a b\""),
        Millis("authorization.http.attemptTimeoutMillis", "Authorization.Http.AttemptTimeout", 1, 3_600_000),
        Word("authorization.sql.kind", "mysql", "Authorization.Sql.Kind", "MySql"),
        Text("authorization.sql.connectionString", "Data Source=tags.db", "Authorization.Sql.ConnectionString"),
        Text("authorization.sql.queryFile", "deploy/sql/steve.sql", "Authorization.Sql.QueryFile"),
        Millis("authorization.sql.timeoutMillis", "Authorization.Sql.Timeout", 1, 3_600_000),
        Count("authorization.sql.maxConnections", "Authorization.Sql.MaxConnections", 1, 1_000),
        Word("authorization.ocpi.version", "2.1.1", "Authorization.Ocpi.Version", "2.1.1"),
        new("authorization.ocpi.countryCode", "de", "DE", "Authorization.Ocpi.CountryCode", "DE", "d", "deu", "d1"),
        new("authorization.ocpi.partyId", "al1", "AL1", "Authorization.Ocpi.PartyId", "AL1", "al", "a-l", "\"äbc\""),
        Millis("authorization.ocpi.attemptTimeoutMillis", "Authorization.Ocpi.AttemptTimeout", 1, 3_600_000),
        Count("authorization.ocpi.maxRetries", "Authorization.Ocpi.MaxRetries", 0, 10),
        new(
            "authorization.ocpi.partners",
            "[{ name = tnm, tokensUrl = \"https://a.example/t\", tokenFile = a.token, parties = [nl-tnm] }, "
                + "{ name = hub, kind = hub, versionsUrl = \"https://b.example\", tokenFile = b, encoding = plain, "
                + "providers = [nltnm], tokenPrefixes = [x], tokenType = OTHER, location = never, parallelism = 3 }]",
            """[{"name":"tnm","tokensUrl":"https://a.example/t","tokenFile":"a.token","parties":["nl-tnm"]},"""
                + """{"name":"hub","kind":"hub","versionsUrl":"https://b.example","tokenFile":"b","encoding":"plain" """
                + """,  "providers":["nltnm"],"tokenPrefixes":["x"],"tokenType":"OTHER","location":"never" """
                + """,  "parallelism":3}]""",
            "Authorization.Ocpi.Partners",
            "[{tnm, Emsp, , https://a.example/t, a.token, Auto, [NL-TNM], [], [], RFID, Optional, 16}, "
                + "{hub, Hub, https://b.example/, , b, Plain, [], [NLTNM], [x], OTHER, Never, 3}]",
            "\"a\"",
            "[\"a\"]",
            "[{ name = a }]",
            "[{ tokenFile = a, name = \"a b\" }]",
            "[{ tokenFile = a, name = a, kind = cpo }]",
            "[{ tokenFile = a, name = a, encoding = hex }]",
            "[{ tokenFile = a, name = a, tokensUrl = \"a.example\" }]",
            "[{ tokenFile = a, name = a, parties = [NLTNM] }]",
            "[{ tokenFile = a, name = a, parties = [\"N1-TNM\"] }]",
            "[{ tokenFile = a, name = a, providers = [NL-TNM] }]",
            "[{ tokenFile = a, name = a, tokenPrefixes = [\"\"] }]",
            "[{ tokenFile = a, name = a, tokenType = CARD }]",
            "[{ tokenFile = a, name = a, location = yes }]",
            "[{ tokenFile = a, name = a, parallelism = 0 }]"
        ),
        Count("authorization.throttle.elements", "Authorization.Throttle.Elements", 0, 10_000_000),
        Millis("authorization.throttle.perMillis", "Authorization.Throttle.Per", 1, 3_600_000),
        Count("authorization.throttle.burst", "Authorization.Throttle.Burst", 1, 10_000_000),
        Flag("authorization.circuitBreaker.enabled", "Authorization.CircuitBreaker.Enabled", false),
        Count("authorization.circuitBreaker.maxFailures", "Authorization.CircuitBreaker.MaxFailures", 1, 1_000_000),
        Millis(
            "authorization.circuitBreaker.resetTimeoutMillis",
            "Authorization.CircuitBreaker.ResetTimeout",
            1,
            3_600_000
        ),
        Count("authorization.circuitBreaker.backoffFactor", "Authorization.CircuitBreaker.BackoffFactor", 1, 100),
        Millis(
            "authorization.circuitBreaker.maxResetMillis",
            "Authorization.CircuitBreaker.MaxResetTimeout",
            1,
            86_400_000
        ),
        Flag("adapters.citrineos.enabled", "Adapters.Citrineos.Enabled", true),
        Millis("callback.timeoutMillis", "Callback.Timeout", 1, 600_000),
        Count("callback.maxRetries", "Callback.MaxRetries", 0, 100),
        Millis("callback.retryDelayMillis", "Callback.RetryDelay", 1, 3_600_000),
        Millis("callback.maxRetryDelayMillis", "Callback.MaxRetryDelay", 1, 3_600_000),
        Number("callback.jitter", "Callback.Jitter", "0", "-0.1", "1.1"),
        Count("callback.maxInFlight", "Callback.MaxInFlight", 1, 1_000_000),
        Count("callback.maxInFlightPerDestination", "Callback.MaxInFlightPerDestination", 1, 100_000),
        Count("callback.maxConcurrentRetries", "Callback.MaxConcurrentRetries", 1, 1_000_000),
        Count("callback.redrivesPerSecond", "Callback.RedrivesPerSecond", 1, 10_000),
        Flag("callback.destinationBreaker.enabled", "Callback.DestinationBreaker.Enabled", false),
        Count("callback.destinationBreaker.maxFailures", "Callback.DestinationBreaker.MaxFailures", 1, 1_000_000),
        Millis(
            "callback.destinationBreaker.resetTimeoutMillis",
            "Callback.DestinationBreaker.ResetTimeout",
            1,
            3_600_000
        ),
        Flag("callback.security.httpsOnly", "Callback.Security.HttpsOnly", true),
        new(
            "callback.security.allowedPorts",
            "[1, \"65535\"]",
            "1,65535",
            "Callback.Security.AllowedPorts",
            "[1, 65535]",
            "80",
            "[0]",
            "[65536]",
            "[http]",
            "[[80]]",
            "[80, {}]"
        ),
        new(
            "callback.security.allow",
            "[\"10.0.0.0/8\", \"127.0.0.1/32\", \"::1/128\"]",
            "10.0.0.0/8,127.0.0.1/32,::1/128",
            "Callback.Security.Allow",
            "[10.0.0.0/8, 127.0.0.1/32, ::1/128]",
            "[\"10.0.0.1\"]",
            "[\"10.0.0.1/8\"]",
            "[\"10.1/16\"]",
            "[\"fd00::1/64\"]",
            "[\"fe80::1%1/128\"]",
            "[\"10.0.0.0/33\"]",
            "[localhost]"
        ),
        Flag("callback.security.nat64", "Callback.Security.Nat64", true),
        new(
            "callback.signing.keys",
            $"[\"{SigningKey}\"]",
            SigningKey,
            "Callback.Signing.Keys",
            $"[{SigningKey}]",
            "[\"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY=\"]",
            $"[\"{SigningKey[6..]}\"]",
            "[\"whsec_\"]",
            "[\"whsec_%\"]",
            $"[\"whsec_{Convert.ToBase64String(new byte[65])}\"]"
        ),
        Text("callback.signing.keysFile", "keys", "Callback.Signing.KeysFile", "[]"),
        Flag("callback.signing.required", "Callback.Signing.Required", true),
        Word("journal.kind", "memory", "Journal.Kind", "Memory"),
        Text("journal.path", "other.db", "Journal.Path", "\"\""),
        Word("journal.synchronous", "normal", "Journal.Synchronous", "normal") with
        {
            InVariable = "normal",
        },
        Text("journal.connectionString", "Host=a; Password=s3cret", "Journal.ConnectionString", "[]"),
        new(
            "journal.encryptionKeys",
            $"[\"{EncryptionKey}\", \"{OtherEncryptionKey}\"]",
            $"{EncryptionKey}, {OtherEncryptionKey}",
            "Journal.EncryptionKeys",
            $"[{EncryptionKey}, {OtherEncryptionKey}]",
            $"\"{EncryptionKey}\"",
            "[\"\"]",
            "[one]",
            $"[\"{EncryptionKey[4..]}\"]"
        ),
        Text("journal.encryptionKeyFile", "keys", "Journal.EncryptionKeyFile", "[]"),
        Count("journal.retentionHours", "Journal.RetentionHours", 1, 8_760),
        Count("journal.maxSettledRows", "Journal.MaxSettledRows", 0, 100_000_000),
        Count("journal.minFreeBytes", "Journal.MinFreeBytes", 0, 1_073_741_824),
        Flag("cluster.enabled", "Cluster.Enabled", true),
        Text(
            "cluster.hostname",
            "node-1",
            "Cluster.Hostname",
            "\"\"",
            "\"*\"",
            "\"a b\"",
            "\"node-1:2552\"",
            "[node-1]"
        ),
        Count("cluster.port", "Cluster.Port", 0, 65_535),
        Text("cluster.bindHostname", "0.0.0.0", "Cluster.BindHostname", "\"*\"", "\"a b\"", "[a]"),
        new(
            "cluster.seedNodes",
            "[\"node-1:2552\", \"[fd00::2]:1\"]",
            "node-1:2552, [fd00::2]:1",
            "Cluster.SeedNodes",
            "[node-1:2552, [fd00::2]:1]",
            "\"node-1:2552\"",
            "[\"node-1\"]",
            "[\":2552\"]",
            "[\"node-1:0\"]",
            "[\"node-1:65536\"]",
            "[\"node-1:+1\"]",
            "[\"a b:2552\"]",
            "[\"fd00::2:2552\"]",
            "[\"akka.tcp://a@node-1:2552\"]",
            "[\"\"]",
            "[[]]"
        ),
        Count("cluster.lanes", "Cluster.Lanes", 1, 1_024),
        Millis("cluster.unreachableAfterMillis", "Cluster.UnreachableAfter", 500, 60_000),
        Millis("cluster.downAfterMillis", "Cluster.DownAfter", 1_000, 300_000),
        Flag("cluster.allowPlaintext", "Cluster.AllowPlaintext", true),
        Text("cluster.tls.certificateFile", "node.p12", "Cluster.Tls.CertificateFile", "[]"),
        Text("cluster.tls.password", "s3cret", "Cluster.Tls.Password", "[]"),
        Flag("monitoring.metrics.enabled", "Monitoring.MetricsEnabled", false),
        Flag("monitoring.healthCheck.enabled", "Monitoring.HealthCheckEnabled", false),
        Count("monitoring.windowSeconds", "Monitoring.Window", 1, 3_600) with
        {
            Expected = "01:00:00",
        },
        Number("monitoring.thresholds.queueUsage", "Monitoring.Thresholds.QueueUsage", "0", "-0.1", "1.1"),
        Number(
            "monitoring.thresholds.authorizationErrorRate",
            "Monitoring.Thresholds.AuthorizationErrorRate",
            "0",
            "-0.1",
            "1.1"
        ),
        Number(
            "monitoring.thresholds.callbackErrorRate",
            "Monitoring.Thresholds.CallbackErrorRate",
            "0",
            "-0.1",
            "1.1"
        ),
        Count("monitoring.thresholds.minimumSamples", "Monitoring.Thresholds.MinimumSamples", 1, 1_000_000),
        Word("logging.level", "debug", "Logging.Level", "Debug"),
        Word("logging.format", "json", "Logging.Format", "Json"),
    ];

    /// <summary>What else must be set so that no rule across settings is broken.</summary>
    public static readonly IReadOnlyDictionary<string, string> Companions = new Dictionary<string, string>
    {
        ["server.port"] = "management.port = 9",
        ["management.port"] = "server.port = 9",
        ["authorization.provider"] = "authorization.http.url = \"http://a.example\"",
        ["request.driverToken.minLength"] = "server.host = 127.0.0.1",
        ["authorization.typedTokens"] = "server.host = 127.0.0.1",
        ["adapters.citrineos.enabled"] = "server.host = 127.0.0.1, authorization.typedTokens = true",
        ["authorization.chain"] = "authorization.http.url = \"http://a.example\"",
        ["authorization.circuitBreaker.resetTimeoutMillis"] = "authorization.circuitBreaker.maxResetMillis = 86400000",
        ["authorization.circuitBreaker.maxResetMillis"] = "authorization.circuitBreaker.resetTimeoutMillis = 1",
        ["callback.retryDelayMillis"] = "callback.maxRetryDelayMillis = 3600000",
        ["callback.maxRetryDelayMillis"] = "callback.retryDelayMillis = 1",
        ["callback.maxInFlight"] = "callback.maxInFlightPerDestination = 1",
        ["callback.maxInFlightPerDestination"] = "callback.maxInFlight = 1000000",
        ["callback.signing.required"] = "callback.signing.keysFile = keys",
        ["cluster.enabled"] =
            "cluster.seedNodes = [\"127.0.0.1:2552\"], journal "
            + $"{{ kind = postgres, connectionString = a, encryptionKeys = [\"{EncryptionKey}\"] }}",
        ["cluster.tls.password"] = "cluster.tls.certificateFile = node.p12",
        ["server.tls.keyFile"] = "server.tls.certificateFile = full.pem",
        ["server.tls.password"] = "server.tls.certificateFile = full.pem",
        ["server.tls.clientCertificates"] = "server.tls { certificateFile = full.pem, clientCaFile = ca.pem }",
        ["management.tls.keyFile"] = "management.tls.certificateFile = full.pem",
        ["management.tls.password"] = "management.tls.certificateFile = full.pem",
    };

    private static SettingRow Count(string key, string property, int min, int max) =>
        new(
            key,
            $"{max}",
            $"{max}",
            property,
            $"{max}",
            $"{min - 1}",
            $"{max + 1}",
            "1.5",
            "\"\"",
            "soon",
            "\" 1\"",
            "99999999999999999999",
            "[1]"
        );

    private static SettingRow Millis(string key, string property, int min, int max) =>
        Count(key, property, min, max) with
        {
            Expected = TimeSpan.FromMilliseconds(max).ToString(),
            Bad = [$"{min - 1}", $"{max + 1}", "30s", "\"30 s\"", "1.5", "\"\""],
        };

    private static SettingRow Number(string key, string property, string min, params string[] outside) =>
        new(key, min, min, property, min, [.. outside, "NaN", "Infinity", "\"\"", "much", "\"1,5\"", "[1]"]);

    private static SettingRow Flag(string key, string property, bool value) =>
        new(key, value ? "true" : "false", $"{value}", property, $"{value}", "yes", "on", "1", "\"\"", "[true]");

    private static SettingRow Word(string key, string value, string property, string expected) =>
        new(key, value, value.ToUpperInvariant(), property, expected, "other", "1", "\"\"", "[a]");

    private static SettingRow Text(string key, string value, string property, params string[] bad) =>
        new(key, $"\"{value}\"", value, property, value, bad);
}

/// <summary>Flattens the records, so that tests see every property that a setting changes.</summary>
internal static class SettingsSnapshot
{
    public static SortedDictionary<string, string> Of(object record, string path = "")
    {
        var all = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (
            var property in record
                .GetType()
                .GetProperties()
                .Where(property =>
                    property.CanWrite && property.Name is not ("Akka" or "Effective" or "SecretFiles" or "Warnings")
                )
        )
        {
            var here = path.Length == 0 ? property.Name : $"{path}.{property.Name}";
            var value = property.GetValue(record);
            if (
                value?.GetType().Name.EndsWith("Settings", StringComparison.Ordinal) == true
                || value?.GetType().Name is "HealthThresholds"
            )
            {
                foreach (var below in Of(value, here))
                {
                    all.Add(below.Key, below.Value);
                }
            }
            else
            {
                all.Add(here, Shown(value));
            }
        }

        return all;
    }

    private static string Shown(object? value) =>
        value switch
        {
            string text => text,
            AkkaCharging.Settings.ApiKeySettings key =>
                $"{{{key.Name}, {key.Sha256}, {Shown(key.CallbackHosts)}, {key.RequestsPerSecond}}}",
            AkkaCharging.Settings.OperatorSettings entry => $"{{{entry.Name}, {entry.Sha256}, {entry.Access}}}",
            AkkaCharging.Settings.OcpiPartnerSettings partner => $"{{{partner.Name}, {partner.Kind}, "
                + $"{partner.VersionsUrl}, {partner.TokensUrl}, {partner.TokenFile}, {partner.Encoding}, "
                + $"{Shown(partner.Parties)}, {Shown(partner.Providers)}, {Shown(partner.TokenPrefixes)}, "
                + $"{partner.TokenType}, {partner.Location}, {partner.Parallelism}}}",
            System.Collections.IEnumerable list => $"[{string.Join(", ", list.Cast<object>().Select(Shown))}]",
            _ => $"{value}",
        };
}
