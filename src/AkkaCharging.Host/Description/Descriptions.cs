using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using AkkaCharging.Host.Admin;
using AkkaCharging.Host.Http;
using AkkaCharging.Host.Metrics;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace AkkaCharging.Host.Description;

/// <summary>
/// The common set-up of both descriptions; each adds what the handlers' signatures and the field rules do not express.
/// </summary>
internal static class Descriptions
{
    /// <summary>What each tag is about, of either document: <c>management.confine</c> moves routes.</summary>
    private static readonly Dictionary<string, string> Tags = new(StringComparer.Ordinal)
    {
        ["Charging sessions"] = "Requests that are called back.",
        ["Synchronous questions"] = "Questions that are answered in the response.",
        ["Adapters"] = "Questions of other systems, in their own words.",
        ["Monitoring"] = "Health, probes and metrics.",
        [AdminApi.Tag] = "What operators see and change.",
    };

    /// <summary>Registers a description.</summary>
    /// <param name="document">Name of the document, and of the group of its routes unless it is the public one.</param>
    /// <param name="security">The ways in which callers authenticate themselves.</param>
    /// <param name="describeAsync">Completes the description of an operation.</param>
    /// <param name="completeAsync">Completes the description as a whole; null for nothing.</param>
    public static void AddDescription(
        this IServiceCollection services,
        string document,
        string title,
        string description,
        (string Name, OpenApiSecurityScheme Scheme)[] security,
        Func<OpenApiOperation, OpenApiOperationTransformerContext, Task> describeAsync,
        Func<OpenApiDocument, OpenApiDocumentTransformerContext, Task>? completeAsync = null
    )
    {
        // Without this, the description would allow numbers as strings too.
        services.ConfigureHttpJsonOptions(json => json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict);
        services.AddOpenApi(
            document,
            options =>
            {
                // HEAD is omitted, because by definition it is the same operation as GET.
                options.ShouldInclude = route =>
                    string.Equals(route.GroupName ?? ApiDescription.Document, document, StringComparison.Ordinal)
                    && !HttpMethods.IsHead(route.HttpMethod ?? "");
                options.AddDocumentTransformer(
                    (described, context, _) =>
                    {
                        described.Info = new OpenApiInfo
                        {
                            Title = title,
                            Version = ProductVersion.Text,
                            Description = description,
                            Contact = new OpenApiContact { Name = "AkkaCharging contributors" },
                            License = new OpenApiLicense { Name = "MIT", Identifier = "MIT" },
                        };
                        foreach (var tag in described.Tags ?? Enumerable.Empty<OpenApiTag>())
                            tag.Description = Tags[tag.Name!];
                        described.Components ??= new OpenApiComponents();
                        described.Components.SecuritySchemes = security.ToDictionary(
                            scheme => scheme.Name,
                            IOpenApiSecurityScheme (scheme) => scheme.Scheme,
                            StringComparer.Ordinal
                        );
                        return completeAsync?.Invoke(described, context) ?? Task.CompletedTask;
                    }
                );
                options.AddOperationTransformer((operation, context, _) => describeAsync(operation, context));
                options.AddSchemaTransformer(
                    (schema, context, _) =>
                    {
                        Describe(schema, context);
                        return Task.CompletedTask;
                    }
                );
            }
        );
    }

    /// <summary>Requires any one of <paramref name="schemes"/>, or nothing where no scheme is configured.</summary>
    public static List<OpenApiSecurityRequirement> Requires(
        this OpenApiOperationTransformerContext context,
        params IEnumerable<string> schemes
    ) =>
        [
            .. schemes.Select(scheme => new OpenApiSecurityRequirement
            {
                [new OpenApiSecuritySchemeReference(scheme, context.Document)] = [],
            }),
            new OpenApiSecurityRequirement(),
        ];

    /// <summary>Describes the request body of <paramref name="operation"/>.</summary>
    /// <param name="example">JSON that is valid when it is sent unchanged.</param>
    public static async Task<OpenApiRequestBody> TakesAsync<T>(
        this OpenApiOperation operation,
        OpenApiOperationTransformerContext context,
        [StringSyntax(StringSyntaxAttribute.Json)] string example
    )
    {
        var schema = await context.GetOrCreateSchemaAsync(typeof(T));
        context.Document?.AddComponent(typeof(T).Name, schema);
        var body = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
            {
                ["application/json"] = new()
                {
                    Schema = new OpenApiSchemaReference(typeof(T).Name, context.Document),
                    Example = JsonNode.Parse(example),
                },
            },
        };
        operation.RequestBody = body;
        return body;
    }

    /// <summary>Returns the responses of <paramref name="operation"/> by status code.</summary>
    public static IEnumerable<(string StatusCode, OpenApiResponse Response)> ResponsesByCode(
        this OpenApiOperation operation
    )
    {
        foreach (var (statusCode, response) in operation.Responses ?? [])
        {
            if (response is OpenApiResponse described)
                yield return (statusCode, described);
        }
    }

    private static void Describe(OpenApiSchema schema, OpenApiSchemaTransformerContext context)
    {
        if (context.JsonPropertyInfo is { } field)
        {
            foreach (var rule in AttributesOf<SchemaRuleAttribute>(field))
                rule.Describe(schema, field.IsGetNullable);
        }
        else if (context.JsonTypeInfo is { Kind: JsonTypeInfoKind.Object } type && schema.Properties is { } properties)
        {
            // The only body whose names are not in camel case is that of MetricsJson.
            Func<string, string> nameOf =
                type.Type == typeof(MetricsAnswer) ? JsonNamingPolicy.SnakeCaseLower.ConvertName : name => name;
            schema.Properties = properties.ToDictionary(
                property => nameOf(property.Key),
                property => property.Value,
                StringComparer.Ordinal
            );
            schema.Required = type
                .Properties.Where(property => !AttributesOf<OptionalAttribute>(property).Any())
                .Select(property => nameOf(property.Name))
                .ToHashSet(StringComparer.Ordinal);
            if (type.Type.IsDefined(typeof(ClosedAttribute), inherit: false))
                schema.AdditionalPropertiesAllowed = false;
        }
    }

    /// <summary>Returns the attributes of a property, or of the record's parameter behind it.</summary>
    private static IEnumerable<T> AttributesOf<T>(JsonPropertyInfo property)
        where T : Attribute =>
        new[] { property.AttributeProvider, property.AssociatedParameter?.AttributeProvider }
            .OfType<System.Reflection.ICustomAttributeProvider>()
            .SelectMany(provider => provider.GetCustomAttributes(typeof(T), inherit: true).OfType<T>());
}
