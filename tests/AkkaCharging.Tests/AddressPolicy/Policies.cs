using System.Net;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Settings;

namespace AkkaCharging.Tests.AddressPolicy;

internal static class Policies
{
    public static CallbackSecuritySettings DefaultSettings { get; } =
        new(HttpsOnly: false, AllowedPorts: [80, 443, 8080, 8443], Allow: [], Nat64: false);

    public static CallbackAddressPolicy Default { get; } = new(DefaultSettings);

    public static CallbackAddressPolicy AnyPort { get; } = new(DefaultSettings with { AllowedPorts = [] });

    public static CallbackAddressPolicy Nat64 { get; } = new(DefaultSettings with { Nat64 = true });

    /// <summary>Any port, and these networks besides the public ones.</summary>
    public static CallbackAddressPolicy Allowing(params string[] networks) =>
        new(
            DefaultSettings with
            {
                AllowedPorts = [],
                Allow = [.. networks.Select(network => IPNetwork.Parse(network))],
            }
        );
}
