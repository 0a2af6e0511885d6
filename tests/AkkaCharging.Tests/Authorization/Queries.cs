using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Authorization;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Authorization;

/// <summary>Questions to ask an authorizer, and settings to ask them under.</summary>
internal static class Queries
{
    public const string Station = "0b7c1d2e-3f40-4a51-8b62-9c73ad84be95";
    public const string Token = "canary-token-0123456789";
    public static readonly TimeSpan Reset = TimeSpan.FromSeconds(30);
    public static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public static AuthorizationQuery Some(string token = Token, string station = Station) =>
        new(new RequestId(Guid.CreateVersion7(Now)), StationId.TryCreate(station)!, DriverToken.TryCreate(token)!);

    public static string Hashed(string token) =>
        "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

    public static AuthorizationSettings Settings(
        int maxRetries = 0,
        int maxFailures = 5,
        TimeSpan? timeout = null,
        bool breaker = true,
        int backoffFactor = 1,
        TimeSpan? answerWithin = null
    ) =>
        new(
            AuthorizationProvider.Acl,
            Chain: [],
            ChainStep.Stop,
            answerWithin,
            TypedTokens: false,
            TokenNormalization.None,
            StationsFile: "",
            timeout ?? TimeSpan.FromSeconds(30),
            maxRetries,
            Parallelism: 64,
            new AclSettings("acl.csv"),
            new HttpAuthorizerSettings(Url: null, BearerToken: "", TimeSpan.FromSeconds(5)),
            SettingsLoader.Defaults.Authorization.Sql,
            new OcpiSettings("2.2.1", CountryCode: "", PartyId: "", TimeSpan.FromSeconds(1.5), MaxRetries: 1, []),
            new ThrottleSettings(Elements: 0, TimeSpan.FromSeconds(1), Burst: 1),
            new CircuitBreakerSettings(breaker, maxFailures, Reset, backoffFactor, TimeSpan.FromMinutes(5))
        );
}
