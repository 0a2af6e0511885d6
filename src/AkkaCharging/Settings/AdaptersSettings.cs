using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>Block <c>adapters</c>: routes for systems that send questions in their own format.</summary>
internal sealed record AdaptersSettings(CitrineosSettings Citrineos)
{
    internal static AdaptersSettings Read(HoconSection hocon) =>
        new(Citrineos: CitrineosSettings.Read(hocon.Section("citrineos")));
}

/// <summary>Block <c>adapters.citrineos</c>.</summary>
/// <param name="Enabled">Whether real-time authorization requests of CitrineOS are answered.</param>
internal sealed record CitrineosSettings(bool Enabled)
{
    internal static CitrineosSettings Read(HoconSection hocon) => new(Enabled: hocon.Flag("enabled"));
}
