using System.Text.Json.Serialization;

namespace AkkaCharging.Authorization.Http;

/// <summary>The question to the HTTP back end.</summary>
internal sealed record AuthorizationQuestion(string StationId, string DriverToken, string RequestId);

/// <summary>The answer of the HTTP back end; unknown fields are ignored.</summary>
internal sealed record AuthorizationReply(string? Status, string? Reason);

// Duplicate fields are rejected: with two statuses, the parser would decide which one counts.
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, AllowDuplicateProperties = false)]
[JsonSerializable(typeof(AuthorizationQuestion))]
[JsonSerializable(typeof(AuthorizationReply))]
internal sealed partial class AuthorizationJson : JsonSerializerContext;
