using System.Text.Json.Serialization;

namespace AkkaCharging.Authorization.Http;

/// <summary>What the back end is asked.</summary>
internal sealed record AuthorizationQuestion(string StationId, string DriverToken, string RequestId);

/// <summary>What the back end answers; unknown fields are ignored.</summary>
internal sealed record AuthorizationReply(string? Status, string? Reason);

// Two statuses in one answer would leave it to the parser which of them counts.
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, AllowDuplicateProperties = false)]
[JsonSerializable(typeof(AuthorizationQuestion))]
[JsonSerializable(typeof(AuthorizationReply))]
internal sealed partial class AuthorizationJson : JsonSerializerContext;
