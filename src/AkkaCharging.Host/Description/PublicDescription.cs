using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Host.Health;
using AkkaCharging.Host.Http;
using AkkaCharging.Host.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace AkkaCharging.Host.Description;

/// <summary>
/// The API's description at <c>/openapi/v1.json</c>: what the handlers' signatures do not say is added here.
/// </summary>
internal static class PublicDescription
{
    private const string ApiKeyScheme = "apiKey";
    private const string BearerScheme = "bearer";
    private const string RequestIdPattern = "^req-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$";

    public static readonly string[] Decisions = ["allowed", "not_allowed", "unknown"];

    /// <summary>A field that holds a request's id.</summary>
    public static readonly Action<OpenApiSchema> RequestId = field => field.Pattern = RequestIdPattern;

    /// <summary>A field that holds a driver token, masked.</summary>
    public static readonly Action<OpenApiSchema> MaskedToken = field => field.Pattern = @"^.{4}\*\*\*$";

    private static readonly string[] Reasons =
    [
        "in_acl",
        "not_in_acl",
        "blocked",
        "expired",
        "station_not_allowed",
        "timeout",
        "circuit_open",
        "authorizer_error",
        "authorized",
    ];

    /// <summary>What holds for a field beyond its type; by type and JSON name.</summary>
    private static readonly Dictionary<(Type, string), Action<OpenApiSchema>> Fields = new()
    {
        [(typeof(SubmissionBody), "stationId")] = field => field.Format = "uuid",
        [(typeof(SubmissionBody), "driverToken")] = field =>
            (field.MinLength, field.MaxLength, field.Pattern) = (20, 80, "^[A-Za-z0-9._~-]{20,80}$"),
        [(typeof(SubmissionBody), "callbackUrl")] = field =>
            (field.MaxLength, field.Format) = (CallbackAddressPolicy.UrlCharsMax, "uri"),
        [(typeof(SubmissionBody), "validForMillis")] = field =>
            (field.Type, field.Minimum, field.Maximum) = (JsonSchemaType.Integer, "1000", "3600000"),
        [(typeof(AcceptedAnswer), "status")] = OneOf("accepted"),
        [(typeof(AcceptedAnswer), "requestId")] = RequestId,
        [(typeof(ErrorAnswer), "status")] = OneOf(
            "unauthorized",
            "forbidden",
            "not_found",
            "method_not_allowed",
            "request_timeout",
            "conflict",
            "payload_too_large",
            "unsupported_media_type",
            "rate_limited",
            "internal_error",
            "queue_full",
            "destination_backlogged",
            "journal_unavailable",
            "shutting_down",
            "metrics_unavailable"
        ),
        [(typeof(ValidationErrorAnswer), "status")] = OneOf("validation_error"),
        [(typeof(ValidationErrorAnswer), "errors")] = field => field.MinItems = 1,
        [(typeof(SessionAnswer), "requestId")] = RequestId,
        [(typeof(SessionAnswer), "stationId")] = field => field.Format = "uuid",
        [(typeof(SessionAnswer), "driverToken")] = MaskedToken,
        [(typeof(SessionAnswer), "state")] = OneOf("queued", "decided", "delivered", "failed", "expired"),
        [(typeof(SessionAnswer), "status")] = OneOf([.. Decisions, null]),
        [(typeof(SessionAnswer), "reason")] = OneOf([.. Reasons, null]),
        [(typeof(AttemptAnswer), "outcome")] = OneOf("success", "http_error", "network_error", "timeout"),
        [(typeof(AttemptAnswer), "cause")] = OneOf([
            .. Enum.GetValues<AttemptCause>().Where(cause => !cause.MeansNoAddress()).Select(AttemptCauses.Name),
            CallerAttempt.NoAddress,
            null,
        ]),
        [(typeof(HealthAnswer), "status")] = OneOf("UP", "DEGRADED", "DOWN"),
        [(typeof(ComponentAnswer), "status")] = OneOf("UP", "DEGRADED", "DOWN"),
        [(typeof(MetricsAnswer), "circuitBreakerState")] = OneOf("closed", "half_open", "open"),
    };

    /// <summary>Registers the description.</summary>
    public static void AddChargingApiDescription(this IServiceCollection services)
    {
        // Numbers are numbers here: without this the description allows them as strings, too.
        services.ConfigureHttpJsonOptions(json => json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict);
        services.AddOpenApi(
            ApiDescription.Document,
            options =>
            {
                options.AddDocumentTransformer((document, _, _) => Describe(document));
                options.AddOperationTransformer((operation, context, _) => DescribeAsync(operation, context));
                options.AddSchemaTransformer((schema, context, _) => Describe(schema, context));
            }
        );
    }

    private static Task Describe(OpenApiDocument document)
    {
        document.Info = new OpenApiInfo
        {
            Title = "AkkaCharging",
            Version = "v1",
            Description =
                "Asynchronous authorization of EV charging sessions: submit a question, get a receipt at once "
                + "and the decision on your callback URL.",
            License = new OpenApiLicense { Name = "MIT", Identifier = "MIT" },
        };
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
        {
            [ApiKeyScheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Header,
                Name = "X-Api-Key",
                Description = "Needed when API keys are configured (server.apiKeys).",
            },
            [BearerScheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "The same key as a bearer token.",
            },
        };
        return Task.CompletedTask;
    }

    private static async Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        if (operation.OperationId is "submit" or "follow")
        {
            // One of the two; or neither, where no keys are configured.
            operation.Security =
            [
                new OpenApiSecurityRequirement
                {
                    [new OpenApiSecuritySchemeReference(ApiKeyScheme, context.Document)] = [],
                },
                new OpenApiSecurityRequirement
                {
                    [new OpenApiSecuritySchemeReference(BearerScheme, context.Document)] = [],
                },
                new OpenApiSecurityRequirement(),
            ];
        }

        if (string.Equals(operation.OperationId, "submit", StringComparison.Ordinal))
        {
            // Not by Accepts(…) on the route: routing would then answer other content types itself, before the handler,
            // without a body.
            context.Document!.AddComponent(
                nameof(SubmissionBody),
                await context.GetOrCreateSchemaAsync(typeof(SubmissionBody))
            );
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = true,
                Description = "JSON in UTF-8. Unknown fields are ignored.",
                Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
                {
                    ["application/json"] = new()
                    {
                        Schema = new OpenApiSchemaReference(nameof(SubmissionBody), context.Document),
                    },
                },
            };
            operation.Parameters =
            [
                Header(
                    "Idempotency-Key",
                    "The same key and the same field values give the same requestId again, for 24 hours.",
                    255,
                    "^[ -~]{1,255}$"
                ),
                Header(
                    "traceparent",
                    "The caller's trace (W3C Trace Context), to which decision and callback then belong.",
                    55,
                    pattern: null
                ),
            ];
        }

        foreach (var (statusCode, response) in operation.Responses ?? [])
            DescribeResponse(operation.OperationId, statusCode, (OpenApiResponse)response);
        foreach (var parameter in operation.Parameters?.OfType<OpenApiParameter>() ?? [])
        {
            if (string.Equals(parameter.Name, "requestId", StringComparison.Ordinal))
            {
                parameter.Description = "The requestId of the receipt.";
                parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.String, Pattern = RequestIdPattern };
            }
        }
    }

    private static void DescribeResponse(string? operationId, string statusCode, OpenApiResponse response)
    {
        response.Description = (operationId, statusCode) switch
        {
            ("submit", "200") => "Taken: it will be decided and called back, or settle as expired.",
            ("submit", "503") => "Queue full, destination backlogged, journal unavailable, or shutting down.",
            ("submit", "400") => "Malformed JSON or broken rules: all of them are listed.",
            (_, "401") => "API keys are configured, and this one is missing or unknown.",
            (_, "403") => "This API key may not call back to this host.",
            (_, "404") => "No such request, or it settled too long ago.",
            (_, "408") => "The body did not arrive in time.",
            (_, "409") => "The Idempotency-Key was used with other field values.",
            (_, "413") => "The body is too long.",
            (_, "415") => "The content type is not application/json in UTF-8.",
            (_, "429") => "The API key's own rate limit is used up.",
            (_, "500") => "A defect.",
            (_, "503") => "Not available at present.",
            _ => response.Description,
        };
        response.Headers ??= new Dictionary<string, IOpenApiHeader>(StringComparer.Ordinal);
        if (statusCode is "429" || (statusCode is "503" && operationId is "submit" or "follow"))
            response.Headers["Retry-After"] = new OpenApiHeader
            {
                Description = "Seconds to wait.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.Integer, Minimum = "1" },
            };
        if (statusCode is "401")
            response.Headers["WWW-Authenticate"] = new OpenApiHeader
            {
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            };
        if ((operationId, statusCode) is ("submit", "200"))
        {
            response.Headers["Idempotent-Replay"] = new OpenApiHeader
            {
                Description = "true when the receipt is that of an earlier submission with the same Idempotency-Key.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, Enum = ["true"] },
            };
        }
    }

    /// <summary>Says of a type or a field what its type alone does not say.</summary>
    public static Task Describe(OpenApiSchema schema, OpenApiSchemaTransformerContext context)
    {
        var (type, property) = (context.JsonTypeInfo, context.JsonPropertyInfo);
        if (property is not null)
        {
            var field = (property.DeclaringType, property.Name);
            if (Fields.TryGetValue(field, out var describe) || AdminDescription.Fields.TryGetValue(field, out describe))
                describe(schema);
        }
        else if (type.Kind == JsonTypeInfoKind.Object && schema.Properties is { } properties)
        {
            if (type.Type == typeof(MetricsAnswer)) // Its names are those of MetricsJson.
                schema.Properties = properties.ToDictionary(
                    field => JsonNamingPolicy.SnakeCaseLower.ConvertName(field.Key),
                    field => field.Value,
                    StringComparer.Ordinal
                );
            schema.Required = schema
                .Properties.Keys.Where(name => name is not "validForMillis")
                .ToHashSet(StringComparer.Ordinal);
        }

        return Task.CompletedTask;
    }

    private static OpenApiParameter Header(string name, string description, int lengthMax, string? pattern) =>
        new()
        {
            Name = name,
            In = ParameterLocation.Header,
            Description = description,
            Schema = new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                MinLength = 1,
                MaxLength = lengthMax,
                Pattern = pattern,
            },
        };

    /// <summary>A field that holds one of <paramref name="words"/>.</summary>
    public static Action<OpenApiSchema> OneOf(params IReadOnlyList<string?> words) =>
        field => field.Enum = [.. words.Select(word => (JsonNode)word!)];
}
