using AkkaCharging.Host.Http;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Admin;

/// <summary>Serves the settings in effect and their origins, with secrets redacted.</summary>
internal static class SettingsEndpoint
{
    /// <summary>Maps <c>/admin/config</c>.</summary>
    public static void MapSettings(this IEndpointRouteBuilder routes) =>
        routes
            .MapGet(
                "/admin/config",
                (HttpContext context, ChargingSettings settings) =>
                    context.WriteJsonAsync(
                        StatusCodes.Status200OK,
                        new([
                            .. settings.Effective.Select(setting => new SettingAnswer(
                                setting.Path,
                                setting.Value,
                                setting.Origin
                            )),
                        ]),
                        AdminJson.Default.SettingsAnswer
                    )
            )
            .Describe(
                "showSettings",
                "The settings in effect and their origins",
                "Those of the start, with secrets redacted."
            )
            .Produces<SettingsAnswer>();
}
