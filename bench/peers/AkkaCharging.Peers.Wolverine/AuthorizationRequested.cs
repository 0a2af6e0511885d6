using System.Text.Json.Serialization;

namespace AkkaCharging.Peers.Wolverine;

/// <summary>The message that is stored before the 200. Wolverine's generated code asks for a public type.</summary>
public sealed record AuthorizationRequested(string RequestId, string StationId, string DriverToken, Uri Callback);

[JsonSerializable(typeof(AuthorizationRequested))]
internal sealed partial class MessageJson : JsonSerializerContext;
