using System.Text.Json.Nodes;
using AkkaCharging.Host.Http;
using AkkaCharging.Requests;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace AkkaCharging.Host.Description;

/// <summary>Describes the public API at <c>/openapi/v1.json</c>.</summary>
internal static class PublicDescription
{
    private const string ApiKeyScheme = "apiKey";
    private const string BearerScheme = "bearer";

    /// <summary>Registers the description.</summary>
    public static void AddChargingApiDescription(this IServiceCollection services) =>
        services.AddDescription(
            ApiDescription.Document,
            title: "AkkaCharging",
            description: "Asynchronous authorization of EV charging sessions: submit a question, get a receipt at once "
                + "and the decision on your callback URL.",
            [
                (
                    ApiKeyScheme,
                    new OpenApiSecurityScheme
                    {
                        Type = SecuritySchemeType.ApiKey,
                        In = ParameterLocation.Header,
                        Name = "X-Api-Key",
                        Description = "Needed when API keys are configured (server.apiKeys).",
                    }
                ),
                (
                    BearerScheme,
                    new OpenApiSecurityScheme
                    {
                        Type = SecuritySchemeType.Http,
                        Scheme = "bearer",
                        Description = "The same key as a bearer token.",
                    }
                ),
            ],
            DescribeAsync,
            DescribeCallbackAsync
        );

    /// <summary>Describes the callback request that a receiver gets.</summary>
    private static async Task DescribeCallbackAsync(
        OpenApiDocument described,
        OpenApiDocumentTransformerContext context
    )
    {
        described.AddComponent(nameof(CallbackFields), await context.GetOrCreateSchemaAsync(typeof(CallbackFields)));
        var body = new OpenApiMediaType
        {
            Schema = new OpenApiSchemaReference(nameof(CallbackFields), described),
            Example = JsonNode.Parse(
                """
                {
                  "station_id": "123e4567-e89b-42d3-a456-426614174000",
                  "driver_token": "demo-driver-token-0001",
                  "status": "allowed",
                  "timestamp": 1795368055360
                }
                """
            ),
        };
        var operation = new OpenApiOperation
        {
            OperationId = "decided",
            Summary = "The decision, sent to the callbackUrl of the submission",
            Description =
                "Delivered at least once: a receiver ignores a webhook-id that it already has. Any 2xx accepts it. "
                + "An answer of 408, 425, 429 or 5xx, a time-out and a failed connection are retried with "
                + "exponential backoff (Retry-After is honored); any other answer ends the request as failed.",
            Security = [],
            Parameters =
            [
                Header("webhook-id", "The requestId of the receipt, the same at each attempt.", 40, Patterns.RequestId),
                Header("webhook-timestamp", "When this attempt was sent: seconds since 1970.", 20, "^[0-9]+$"),
                Header(
                    "webhook-signature",
                    "With callback.signing: v1 signatures as defined by Standard Webhooks, one for each key.",
                    4_096,
                    pattern: null
                ),
            ],
            RequestBody = new OpenApiRequestBody
            {
                Required = true,
                Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
                {
                    ["application/json"] = body,
                },
            },
            Responses = new OpenApiResponses
            {
                ["204"] = new OpenApiResponse { Description = "Accepted, like any other 2xx." },
                ["410"] = new OpenApiResponse { Description = "Rejected permanently: the request ends as failed." },
                ["503"] = new OpenApiResponse { Description = "Rejected temporarily: the callback is retried." },
            },
        };
        described.Webhooks = new Dictionary<string, IOpenApiPathItem>(StringComparer.Ordinal)
        {
            ["decided"] = new OpenApiPathItem
            {
                Operations = new Dictionary<HttpMethod, OpenApiOperation> { [HttpMethod.Post] = operation },
            },
        };
    }

    private static async Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        if (operation.OperationId is "submit" or "follow" or "authorize" or CitrineosEndpoint.Operation)
        {
            // Either of the two, or none where no keys are configured.
            operation.Security = context.Requires(ApiKeyScheme, BearerScheme);
        }
        else
        {
            operation.Security = []; // explicitly none: no authentication is needed
        }

        if (string.Equals(operation.OperationId, "submit", StringComparison.Ordinal))
        {
            // Not declared by Accepts(…) on the route: routing would then reject other content types itself, before the
            // handler and without a body.
            var body = await operation.TakesAsync<SubmissionBody>(
                context,
                """
                {
                  "stationId": "123e4567-e89b-42d3-a456-426614174000",
                  "driverToken": "demo-driver-token-0001",
                  "callbackUrl": "http://127.0.0.1:8080/dev/callbacks"
                }
                """
            );
            body.Description = "JSON in UTF-8. Unknown fields are ignored.";
            ShowTokenRules<SubmissionBody>(context);
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
                    "The caller's trace (W3C Trace Context); the decision and the callback become part of it.",
                    55,
                    pattern: null
                ),
            ];
        }

        if (string.Equals(operation.OperationId, "authorize", StringComparison.Ordinal))
        {
            var body = await operation.TakesAsync<AuthorizeBody>(
                context,
                """{"stationId":"123e4567-e89b-42d3-a456-426614174000","driverToken":"demo-driver-token-0001"}"""
            );
            body.Description = "JSON in UTF-8. Unknown fields are ignored.";
            ShowTokenRules<AuthorizeBody>(context);
        }

        if (string.Equals(operation.OperationId, CitrineosEndpoint.Operation, StringComparison.Ordinal))
        {
            var body = await operation.TakesAsync<CitrineosBody>(
                context,
                """{"idToken":"04AABBCC","idTokenType":"ISO14443","stationId":"cp001"}"""
            );
            body.Description = "JSON in UTF-8. Unknown fields are ignored.";
        }

        foreach (var (statusCode, response) in operation.ResponsesByCode())
            DescribeResponse(operation.OperationId, statusCode, response);
        foreach (var parameter in operation.Parameters?.OfType<OpenApiParameter>() ?? [])
        {
            if (string.Equals(parameter.Name, "requestId", StringComparison.Ordinal))
            {
                parameter.Description = "The requestId of the receipt.";
                parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.String, Pattern = Patterns.RequestId };
            }
        }
    }

    // The rules are settings; the attributes of the body's record only give their defaults.
    private static void ShowTokenRules<TBody>(OpenApiOperationTransformerContext context)
    {
        var rules = context.ApplicationServices.GetRequiredService<DriverTokenRules>();
        if (
            context.Document?.Components?.Schemas?[typeof(TBody).Name].Properties?["driverToken"] is OpenApiSchema token
        )
        {
            token.MinLength = rules.AreTyped ? Math.Min(rules.LengthMin, TypedToken.LengthMin) : rules.LengthMin;
            token.Pattern = Patterns.Of(rules);
            token.Description = $"{rules.Expected}.";
        }
    }

    private static void DescribeResponse(string? operationId, string statusCode, OpenApiResponse response)
    {
        response.Description = (operationId, statusCode) switch
        {
            ("submit", "200") => "Accepted: the request will be decided and called back, or settle as expired.",
            ("submit", "503") => "Queue full, destination backlogged, journal unavailable, or shutting down.",
            ("authorize", "200") => "The decision.",
            ("authorize", "503") => "Too many questions are in progress, or the service has not started.",
            (CitrineosEndpoint.Operation, "200") => "The decision: yes or no.",
            (CitrineosEndpoint.Operation, "503") => "The authorizer gave no answer, too many questions are in "
                + "progress, or the service has not started.",
            ("submit" or "authorize" or CitrineosEndpoint.Operation, "400") =>
                "Malformed JSON, or broken rules, all of which are listed.",
            (_, "401") => "API keys are configured, and the key is missing or unknown.",
            ("follow" or "authorize" or CitrineosEndpoint.Operation, "403") =>
                "Client certificates are required, and the connection has none.",
            (_, "403") => "This API key may not call back to this host.",
            (_, "404") => "No such request, or it settled too long ago.",
            (_, "408") => "The body did not arrive in time.",
            (_, "409") => "The Idempotency-Key was used with other field values.",
            (_, "413") => "The body is too long.",
            (_, "415") => "The content type is not application/json in UTF-8, or the body has a content encoding.",
            ("submit" or "follow" or "authorize" or CitrineosEndpoint.Operation, "429") =>
                "The rate limit of the API key, or of the address without one, is used up; or too many wrong keys "
                    + "came from this address.",
            (_, "429") => "Too many concurrent requests without an API key, or too many requests from this address.",
            (_, "500") => "A defect.",
            (_, "503") => "Not available at present.",
            _ => response.Description,
        };
        response.Headers ??= new Dictionary<string, IOpenApiHeader>(StringComparer.Ordinal);
        if (statusCode is "429" || (statusCode is "503" && operationId is "submit" or "follow" or "authorize"))
            response.Headers["Retry-After"] = new OpenApiHeader
            {
                Description = "Seconds to wait.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.Integer, Minimum = "1" },
            };
        if (
            statusCode is "200" or "429"
            && operationId
                is "submit"
                    or "follow"
                    or "authorize"
                    or CitrineosEndpoint.Operation
                    or "health"
                    or "metrics"
        )
        {
            response.Headers["RateLimit-Policy"] = RateHeader(
                "Present when the API key, or the address without one, has a rate limit: `q` requests may come at "
                    + "once, and as many come back within `w` seconds.",
                "\"key\";q=10;w=1"
            );
            response.Headers["RateLimit"] = RateHeader(
                "Present with `RateLimit-Policy`: `r` requests may come at once now, and all of them again after "
                    + "`t` seconds.",
                "\"key\";r=7;t=1"
            );
        }

        if (statusCode is "401")
            response.Headers["WWW-Authenticate"] = new OpenApiHeader
            {
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            };
        if ((operationId, statusCode) is ("submit", "200"))
        {
            response.Headers["Idempotent-Replay"] = new OpenApiHeader
            {
                Description =
                    "true when this receipt was issued for an earlier submission with the same " + "Idempotency-Key.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, Enum = ["true"] },
            };
        }
    }

    private static OpenApiHeader RateHeader(string description, string example) =>
        new()
        {
            Description = description,
            Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            Example = example,
        };

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
}
