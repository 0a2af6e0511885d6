using System.Net;
using System.Text.Json;

namespace AkkaCharging.Testing;

/// <summary>Reads answers of the service.</summary>
internal static class Answers
{
    /// <summary>The body of an answer to GET, whatever its status.</summary>
    /// <remarks>
    /// On a busy machine the metrics actor may get no processor time within its time limit; it is asked again then.
    /// </remarks>
    public static async Task<JsonElement> GetBodyAsync(this HttpClient http, string path)
    {
        var body = default(JsonElement);
        await Eventually.HoldsAsync(
            async () =>
            {
                using var answer = await http.GetAsync(path);
                var text = await answer.Content.ReadAsStringAsync();
                body = JsonSerializer.Deserialize<JsonElement>(text);
                return !LacksFigures(answer.StatusCode, text);
            },
            $"{path} has figures"
        );
        return body;
    }

    /// <summary>
    /// Whether <c>/metrics</c>, or a component of <c>/health</c>, says that the actor did not answer.
    /// </summary>
    private static bool LacksFigures(HttpStatusCode status, string text) =>
        (
            status == HttpStatusCode.ServiceUnavailable
            && text.Contains("\"metrics_unavailable\"", StringComparison.Ordinal)
        ) || text.Contains("\"no figures\"", StringComparison.Ordinal);
}
