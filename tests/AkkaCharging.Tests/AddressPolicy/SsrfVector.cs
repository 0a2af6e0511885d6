using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using AkkaCharging.AddressPolicy;

namespace AkkaCharging.Tests.AddressPolicy;

/// <summary>One entry of ssrf-vectors.json.</summary>
public sealed record SsrfVector(string Id, string Url, string Expected, string Stage)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    public static IReadOnlyList<SsrfVector> All { get; } = Load();

    public string[]? ResolvesTo { get; init; }

    public string[][]? ResolvesToSequence { get; init; }

    public int RedirectStatus { get; init; }

    public string? RedirectTo { get; init; }

    public SsrfVectorConfig Config { get; init; } = new();

    [JsonIgnore]
    public bool IsAllowed => string.Equals(Expected, "allow", StringComparison.Ordinal);

    [JsonIgnore]
    public string[][] Answers => ResolvesToSequence ?? [ResolvesTo ?? ["93.184.216.34"]];

    /// <summary>Whether the verdict is known when the URL is submitted.</summary>
    [JsonIgnore]
    public bool IsDecidedAtSubmit => Stage is not ("resolve" or "redirect");

    internal CallbackAddressPolicy Policy() =>
        new(
            new(
                Config.HttpsOnly,
                Config.AllowedPorts ?? Policies.DefaultSettings.AllowedPorts,
                [.. Config.Allow.Select(network => IPNetwork.Parse(network))],
                Config.Nat64
            )
        );

    private static List<SsrfVector> Load()
    {
        using var stream = typeof(SsrfVector).Assembly.GetManifestResourceStream("ssrf-vectors.json")!;
        return JsonSerializer.Deserialize<List<SsrfVector>>(stream, Json)!;
    }
}

/// <summary>Settings of one vector, where they are not the default ones; keys as in the settings file.</summary>
public sealed record SsrfVectorConfig
{
    [JsonPropertyName("httpsOnly")]
    public bool HttpsOnly { get; init; }

    [JsonPropertyName("allowedPorts")]
    public int[]? AllowedPorts { get; init; }

    [JsonPropertyName("allow")]
    public string[] Allow { get; init; } = [];

    [JsonPropertyName("nat64")]
    public bool Nat64 { get; init; }
}
