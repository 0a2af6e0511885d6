using AkkaCharging.AddressPolicy;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Micro;

/// <summary>What the benchmarks work on.</summary>
internal static class Some
{
    public const string Url = "https://hooks.example.com:8443/charging/callback?tenant=17";

    public static readonly CallbackAddressPolicy Policy = new(SettingsLoader.Defaults.Callback.Security);

    public static readonly Decision Decision = new(
        AuthorizationStatus.Allowed,
        DecisionReason.InAcl,
        DateTimeOffset.UnixEpoch.AddDays(20_000)
    );

    public static string Token(int number) => $"bench-driver-token.{number:D10}";

    public static ChargingRequest Request(int number = 0)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new(
            RequestId.New(now),
            StationId.TryCreate("5f3c9a10-7b2e-4d61-9c0f-0123456789ab")!,
            DriverToken.TryCreate(Token(number))!,
            ((UrlVerdict.Allowed)Policy.CheckUrl(Url)).Url,
            now,
            now.AddMinutes(5)
        );
    }
}
