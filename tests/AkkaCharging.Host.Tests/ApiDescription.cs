using System.Text.Json;
using System.Text.Json.Nodes;
using NJsonSchema;

namespace AkkaCharging.Host.Tests;

/// <summary>An OpenAPI description to compare the service's answers with.</summary>
internal sealed class ApiDescription(string json)
{
    /// <summary>As it was served.</summary>
    public JsonNode Root { get; } = JsonNode.Parse(json)!;

    /// <summary>Each operation with the status codes of its answers, in the order of the description.</summary>
    public IEnumerable<(string Operation, IEnumerable<string> StatusCodes)> Operations =>
        Root["paths"]!
            .AsObject()
            .SelectMany(path =>
                path.Value!.AsObject()
                    .Select(operation =>
                        (
                            $"{operation.Key} {path.Key}",
                            operation.Value!["responses"]!.AsObject().Select(response => response.Key)
                        )
                    )
            );

    /// <summary>
    /// Asserts that an answer has its status and the schema described for it, without further properties; disposes it.
    /// </summary>
    public async Task FitsAsync(HttpResponseMessage answer, string method, string route, int statusCode)
    {
        using (answer)
        {
            Assert.Equal(statusCode, (int)answer.StatusCode);
            var reference = Root["paths"]![route]![method]!["responses"]![$"{statusCode}"]!["content"]![
                "application/json"
            ]!["schema"]!["$ref"]!.ToString();
            var text = await answer.Content.ReadAsStringAsync();
            var schema = await SchemaAsync(reference.Split('/')[^1]);

            Assert.Empty(schema.Validate(text));
            Assert.All(
                Api.Names(JsonSerializer.Deserialize<JsonElement>(text)),
                name => Assert.Contains(name, schema.ActualSchema.ActualProperties.Keys)
            );
        }
    }

    /// <summary>The schema of this name.</summary>
    public async Task<JsonSchema> SchemaAsync(string name)
    {
        var definitions = Root["components"]!["schemas"]!
            .ToJsonString()
            .Replace("#/components/schemas/", "#/definitions/", StringComparison.Ordinal);
        return (await JsonSchema.FromJsonAsync($$"""{"definitions":{{definitions}}}""")).Definitions[name];
    }
}
