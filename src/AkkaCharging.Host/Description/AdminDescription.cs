using AkkaCharging.Host.Admin;
using AkkaCharging.Journal;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace AkkaCharging.Host.Description;

/// <summary>Describes the operators' API at <c>/openapi/admin.json</c>, on the operators' listener only.</summary>
internal static class AdminDescription
{
    private const string TokenScheme = "token";

    /// <summary>Registers the description.</summary>
    public static void AddAdminDescription(this IServiceCollection services) =>
        services.AddDescription(
            AdminApi.Document,
            title: "AkkaCharging, operators' API",
            description: "Service status, requests, dead letters, destinations and settings in effect; the console "
                + "at /console uses nothing else. On loopback without a token the Host header has to be a loopback "
                + "name.",
            [
                (
                    TokenScheme,
                    new OpenApiSecurityScheme
                    {
                        Type = SecuritySchemeType.Http,
                        Scheme = "bearer",
                        Description = "Needed when management.token or management.operators is set.",
                    }
                ),
            ],
            DescribeAsync
        );

    private static async Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        operation.Security = context.Requires(TokenScheme);
        switch (operation.OperationId)
        {
            case "findRequests":
                operation.Parameters =
                [
                    Query("station", "UUID of the charging station."),
                    Query("fingerprint", "The tokenFingerprint of a driver token."),
                    Query("destination", "Scheme, host and port of the callback URL."),
                    Query("state", "queued, decided, delivered, failed or expired."),
                    Query("cause", "Why the last callback attempt failed."),
                    Query("from", "Accepted at or after this time: RFC 3339, or milliseconds since 1970."),
                    Query("to", "Accepted before this time."),
                    Limit(),
                    Query("cursor", "The value of next from the previous page."),
                ];
                break;
            case "listDeadLetters":
                operation.Parameters =
                [
                    .. DeadLetterFilters(),
                    Limit(),
                    Query("cursor", "The value of next from the previous page."),
                ];
                break;
            case "previewRedrive":
                operation.Parameters = [.. DeadLetterFilters()];
                break;
            case "listDestinations":
                operation.Parameters = [Limit()];
                break;
            case "redriveDeadLetters":
                await operation.TakesAsync<BulkRedriveBody>(
                    context,
                    """{"destination":"https://receiver.example.com:443"}"""
                );
                break;
            case "pauseDestination" or "resumeDestination":
                await operation.TakesAsync<DestinationBody>(
                    context,
                    """{"destination":"https://receiver.example.com:443"}"""
                );
                break;
        }

        foreach (var (statusCode, response) in operation.ResponsesByCode())
        {
            response.Description = statusCode switch
            {
                "400" => "Rules were broken, all of which are listed.",
                "401" => "The operators' token is missing or wrong.",
                "403" => "No token is configured and Host is no loopback name, or the operator has access = read.",
                "404" => "The requested object does not exist.",
                "409" => "Not possible in the current state.",
                "415" => "The content type is not application/json in UTF-8, or the body has a content encoding.",
                "429" => "Too many wrong tokens came from this address.",
                "500" => "A defect.",
                _ => response.Description,
            };
        }
    }

    private static OpenApiParameter[] DeadLetterFilters() =>
        [
            Query("destination", "Scheme, host and port of the callback URL."),
            Query("from", "Failed at or after this time: RFC 3339, or milliseconds since 1970."),
            Query("to", "Failed before this time."),
            Query("cause", "Why the last callback attempt failed."),
            Query("acceptedFrom", "Accepted at or after this time: RFC 3339, or milliseconds since 1970."),
            Query("acceptedTo", "Accepted before this time."),
        ];

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
            Description = $"Maximum number of entries; {OperatorInput.LimitDefault} when not given.",
            Schema = new OpenApiSchema
            {
                Type = JsonSchemaType.Integer,
                Minimum = "1",
                Maximum = $"{DeadLetterPage.LettersMax}",
            },
        };
}
