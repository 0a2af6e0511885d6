using Akka.Cluster;
using AkkaCharging.Host.Admin;
using AkkaCharging.Journal;
using AkkaCharging.Requests;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace AkkaCharging.Host.Description;

/// <summary>The operators' API described at <c>/openapi/admin.json</c>, on their listener alone.</summary>
internal static class AdminDescription
{
    private const string TokenScheme = "token";

    /// <summary>What holds for a field beyond its type; by type and JSON name.</summary>
    public static readonly IReadOnlyDictionary<(Type, string), Action<OpenApiSchema>> Fields = new Dictionary<
        (Type, string),
        Action<OpenApiSchema>
    >
    {
        [(typeof(DeadLetterAnswer), "requestId")] = PublicDescription.RequestId,
        [(typeof(DeadLetterAnswer), "stationId")] = field => field.Format = "uuid",
        [(typeof(DeadLetterAnswer), "driverToken")] = PublicDescription.MaskedToken,
        [(typeof(DeadLetterAnswer), "status")] = PublicDescription.OneOf([.. PublicDescription.Decisions, null]),
        [(typeof(OperatorAttemptAnswer), "outcome")] = PublicDescription.OneOf([
            .. Enum.GetValues<CallbackOutcome>().Select(CallbackNames.Name),
        ]),
        [(typeof(OperatorAttemptAnswer), "cause")] = PublicDescription.OneOf([
            .. Enum.GetValues<AttemptCause>().Select(AttemptCauses.Name),
            null,
        ]),
        [(typeof(LetterChangeAnswer), "status")] = PublicDescription.OneOf("redriven", "discarded"),
        [(typeof(LetterChangeAnswer), "requestId")] = PublicDescription.RequestId,
        [(typeof(BulkRedriveBody), "from")] = Time,
        [(typeof(BulkRedriveBody), "to")] = Time,
        [(typeof(OverviewAnswer), "breaker")] = PublicDescription.OneOf("closed", "half_open", "open"),
        [(typeof(BulkRedriveAnswer), "state")] = PublicDescription.OneOf(
            "running",
            "cancelling",
            "cancelled",
            "failed",
            "done"
        ),
        [(typeof(DestinationAnswer), "breaker")] = PublicDescription.OneOf("closed", "half_open", "open"),
        [(typeof(NodeAnswer), "status")] = PublicDescription.OneOf([
            .. Enum.GetNames<MemberStatus>().Select(status => status.ToLowerInvariant()),
        ]),
        [(typeof(DestinationChangeAnswer), "status")] = PublicDescription.OneOf("paused", "resumed"),
    };

    /// <summary>Registers the description.</summary>
    public static void AddAdminDescription(this IServiceCollection services) =>
        services.AddOpenApi(
            AdminApi.Document,
            options =>
            {
                options.ShouldInclude = description =>
                    string.Equals(description.GroupName, AdminApi.Document, StringComparison.Ordinal);
                options.AddDocumentTransformer((document, _, _) => Describe(document));
                options.AddOperationTransformer((operation, context, _) => DescribeAsync(operation, context));
                options.AddSchemaTransformer((schema, context, _) => DescribeAsync(schema, context));
            }
        );

    private static Task Describe(OpenApiDocument document)
    {
        document.Info = new OpenApiInfo
        {
            Title = "AkkaCharging, operators' API",
            Version = "v1",
            Description =
                "How the service is, dead letters, destinations and settings in effect; the console at "
                + "/console uses nothing else. On loopback without a token the Host header has to be a loopback "
                + "name.",
            License = new OpenApiLicense { Name = "MIT", Identifier = "MIT" },
        };
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
        {
            [TokenScheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "Needed when management.token is set.",
            },
        };
        return Task.CompletedTask;
    }

    private static async Task DescribeAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context)
    {
        await PublicDescription.Describe(schema, context);
        var type = context.JsonPropertyInfo is null ? context.JsonTypeInfo.Type : null;
        if (type == typeof(BulkRedriveBody))
            schema.Required = new HashSet<string>(StringComparer.Ordinal);
        if (type == typeof(BulkRedriveBody) || type == typeof(DestinationBody))
            schema.AdditionalPropertiesAllowed = false;
    }

    private static async Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        operation.Security =
        [
            new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(TokenScheme, context.Document)] = [] },
            new OpenApiSecurityRequirement(),
        ];
        switch (operation.OperationId)
        {
            case "listDeadLetters":
                operation.Parameters =
                [
                    Query("destination", "Scheme, host and port of the callback URL."),
                    Query("from", "Failed then or later: RFC 3339, or milliseconds since 1970."),
                    Query("to", "Failed earlier."),
                    Limit(),
                    Query("cursor", "The next of the page before."),
                ];
                break;
            case "listDestinations":
                operation.Parameters = [Limit()];
                break;
            case "redriveDeadLetters":
                await TakesAsync<BulkRedriveBody>(operation, context);
                break;
            case "pauseDestination" or "resumeDestination":
                await TakesAsync<DestinationBody>(operation, context);
                break;
        }

        foreach (var (statusCode, response) in operation.Responses ?? [])
        {
            response.Description = statusCode switch
            {
                "400" => "Broken rules: all of them are listed.",
                "401" => "The operators' token is missing or wrong.",
                "403" => "There is no token, and the Host header is not a loopback name.",
                "404" => "There is no such thing.",
                "409" => "Not possible as things are.",
                "415" => "The content type is not application/json in UTF-8.",
                "500" => "A defect.",
                _ => response.Description,
            };
        }
    }

    private static async Task TakesAsync<T>(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        context.Document!.AddComponent(typeof(T).Name, await context.GetOrCreateSchemaAsync(typeof(T)));
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
            {
                ["application/json"] = new() { Schema = new OpenApiSchemaReference(typeof(T).Name, context.Document) },
            },
        };
    }

    private static OpenApiParameter Query(string name, string description) =>
        new()
        {
            Name = name,
            In = ParameterLocation.Query,
            Description = description,
            Schema = new OpenApiSchema { Type = JsonSchemaType.String },
        };

    private static OpenApiParameter Limit() =>
        new()
        {
            Name = "limit",
            In = ParameterLocation.Query,
            Description = $"The most that are listed; {OperatorInput.LimitDefault} when not given.",
            Schema = new OpenApiSchema
            {
                Type = JsonSchemaType.Integer,
                Minimum = "1",
                Maximum = $"{DeadLetterPage.LettersMax}",
            },
        };

    private static void Time(OpenApiSchema field) =>
        field.Type = JsonSchemaType.String | JsonSchemaType.Integer | JsonSchemaType.Null;
}
