using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AkkaCharging.Scenarios;

/// <summary>A question and the answer of the main job's access list.</summary>
internal sealed record AccessListCase(string Token, string Station, string Status, string Reason)
{
    public const int Rules = 100_000;
    private const string HomeStation = "123e4567-e89b-42d3-a456-426614174000";
    private const string OtherStation = "123e4567-e89b-42d3-a456-426614174001";
    private const string StrangeStation = "123e4567-e89b-42d3-a456-4266141740ff";

    /// <summary>Rules of eight kinds in turn, in clear and hashed.</summary>
    public static string Csv()
    {
        var csv = new StringBuilder("token,stations,valid_from,valid_until,state\n", capacity: Rules * 80);
        for (var rule = 0; rule < Rules; rule++)
        {
            var token = TokenOf(rule);
            var hashed = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
            csv.Append(
                (rule % 8) switch
                {
                    0 => $"{token},*,,,active\n",
                    1 => $"{hashed},,,,\n",
                    2 => $"{token},{HomeStation};{OtherStation},,,active\n",
                    3 => $"{hashed},*,2020-01-01T00:00:00Z,2099-12-31T23:59:59+01:00,active\n",
                    4 => $"{token},*,,2021-06-30T12:00:00Z,active\n",
                    5 => $"{token},{HomeStation},,,blocked\n",
                    6 => $"{hashed},*,2099-01-01T00:00:00Z,,active\n",
                    _ => $"{hashed},*,,,blocked\n",
                }
            );
        }

        return csv.ToString();
    }

    /// <summary>The question of a number, spread over all rules and over tokens that no rule names.</summary>
    public static AccessListCase Of(int number)
    {
        var rule = number * 7 % Rules;
        var token = TokenOf(rule);
        return (number % 10, rule % 8) switch
        {
            (9, _) => new($"stranger-driver-token-{number:D6}", HomeStation, "not_allowed", "not_in_acl"),
            (_, 2) when number % 3 == 0 => new(token, StrangeStation, "not_allowed", "station_not_allowed"),
            (_, 2) => new(token, OtherStation.ToUpperInvariant(), "allowed", "in_acl"),
            (_, 0 or 1 or 3) => new(token, HomeStation, "allowed", "in_acl"),
            (_, 4 or 6) => new(token, HomeStation, "not_allowed", "expired"),
            _ => new(token, HomeStation, "not_allowed", "blocked"),
        };
    }

    private static string TokenOf(int rule) =>
        "driver-token-of-rule-" + rule.ToString("D6", CultureInfo.InvariantCulture);
}
