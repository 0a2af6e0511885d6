using System.Text;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Acl;
using CsCheck;

namespace AkkaCharging.Tests.Authorization.Acl;

[Trait("Category", "Unit")]
public sealed class AclRulesProperties
{
    private static readonly Gen<string> Token = Gen.String[Gen.Char["abcXYZ019-._~"], 20, 80];
    private static readonly Guid[] Stations = [.. Enumerable.Range(1, 5).Select(i => new Guid(i, 0, 0, new byte[8]))];
    private static readonly Gen<Guid> Station = Gen.Int[0, 4].Select(i => Stations[i]);
    private static readonly Gen<DateTimeOffset?> Time = Gen.Int[-3, 3]
        .Select(hours => Queries.Now.AddHours(hours))
        .Nullable();

    private static readonly Gen<Rule> GenRule = Gen.Select(
        Token,
        Station.Array[0, 3],
        Time,
        Time,
        Gen.Bool,
        Gen.Bool,
        (token, stations, a, b, blocked, hashed) =>
            a > b ? new Rule(token, stations, b, a, blocked, hashed) : new Rule(token, stations, a, b, blocked, hashed)
    );

    /// <summary>Whatever its spelling, a rule set decides as a plain list of rules searched from its start.</summary>
    [Fact]
    public void WrittenRules_DecideAsANaiveList() =>
        Gen.Select(GenRule.Array[0, 20], Gen.Int[0, 1000], Station, Gen.Int[-4, 4])
            .Sample(
                (drawn, style, station, hours) =>
                {
                    var rules = drawn.DistinctBy(rule => rule.Token).ToList();
                    var now = Queries.Now.AddHours(hours);
                    var acl = AclRules.Read(new MemoryStream(Encoding.UTF8.GetBytes(Write(rules, style))), "generated");

                    Assert.Equal(rules.Count, acl.Count);
                    foreach (var token in rules.Select(rule => rule.Token).Append("a-token-in-no-rule-at-all"))
                    {
                        var query = Queries.Some(token, station.ToString());
                        Assert.Equal(Decide(rules, token, station, now), acl.Decide(query, now));
                    }
                }
            );

    private static AuthorizerAnswer Decide(List<Rule> rules, string token, Guid station, DateTimeOffset now)
    {
        var rule = rules.Find(rule => rule.Token == token);
        return rule switch
        {
            null => AuthorizerAnswer.Deny(DenialReason.UnknownToken),
            { Blocked: true } => AuthorizerAnswer.Deny(DenialReason.Blocked),
            _ when rule.From > now || rule.Until <= now => AuthorizerAnswer.Deny(DenialReason.Expired),
            _ when rule.Stations.Length > 0 && !rule.Stations.Contains(station) => AuthorizerAnswer.Deny(
                DenialReason.StationNotAllowed
            ),
            _ => AuthorizerAnswer.AllowedByList,
        };
    }

    /// <summary>
    /// Spells the rules in one of many ways: order of columns, quotes, line ends, comments, blank lines, byte order
    /// mark.
    /// </summary>
    private static string Write(List<Rule> rules, int style)
    {
        var random = new Random(style);
        int[] order = [0, 1, 2, 3, 4];
        random.Shuffle(order);
        var end = random.Next(2) == 0 ? "\n" : "\r\n";
        var text = new StringBuilder(random.Next(2) == 0 ? "\uFEFF" : "");
        Line(["token", "stations", "valid_from", "valid_until", "state"]);
        foreach (var rule in rules)
        {
            if (random.Next(4) == 0)
                text.Append(random.Next(2) == 0 ? "# a comment, \"with\" marks" : "").Append(end);
            var stations =
                rule.Stations.Length > 0 ? string.Join(';', rule.Stations)
                : random.Next(2) == 0 ? "*"
                : "";
            var state =
                rule.Blocked ? "blocked"
                : random.Next(2) == 0 ? "active"
                : "";
            Line([
                rule.Hashed ? Queries.Hashed(rule.Token) : rule.Token,
                stations,
                Rfc3339(rule.From),
                Rfc3339(rule.Until),
                state,
            ]);
        }

        return text.ToString();

        void Line(string[] fields) =>
            text.AppendJoin(',', order.Select(i => random.Next(3) == 0 ? $"\"{fields[i]}\"" : fields[i])).Append(end);

        string Rfc3339(DateTimeOffset? time) =>
            time?.ToOffset(TimeSpan.FromHours(random.Next(-12, 13))).ToString("yyyy-MM-dd'T'HH:mm:sszzz") ?? "";
    }

    private sealed record Rule(
        string Token,
        Guid[] Stations,
        DateTimeOffset? From,
        DateTimeOffset? Until,
        bool Blocked,
        bool Hashed
    );
}
