using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Authorization;
using AkkaCharging.Requests;

namespace AkkaCharging.Tests.Authorization;

/// <summary>Questions to ask an authorizer.</summary>
internal static class Queries
{
    public const string Station = "0b7c1d2e-3f40-4a51-8b62-9c73ad84be95";
    public const string Token = "canary-token-0123456789";
    public static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public static AuthorizationQuery Some(string token = Token, string station = Station) =>
        new(new RequestId(Guid.CreateVersion7(Now)), StationId.TryCreate(station)!, DriverToken.TryCreate(token)!);

    public static string Hashed(string token) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
}
