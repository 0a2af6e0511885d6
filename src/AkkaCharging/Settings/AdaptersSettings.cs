using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>Block <c>adapters</c>: routes for systems that ask in a form of their own.</summary>
internal sealed record AdaptersSettings(CitrineosSettings Citrineos)
{
    internal static AdaptersSettings Read(HoconSection hocon) =>
        new(Citrineos: CitrineosSettings.Read(hocon.Section("citrineos")));
}

/// <summary>Block <c>adapters.citrineos</c>.</summary>
/// <param name="Enabled">Whether the real-time authorization of citrineos is answered.</param>
internal sealed record CitrineosSettings(bool Enabled)
{
    internal static CitrineosSettings Read(HoconSection hocon) => new(Enabled: hocon.Flag("enabled"));
}
