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

    /// <summary>
    /// In every spelling, a rule set decides like a plain list of rules that is searched from its start.
    /// </summary>
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

    /// <summary>
    /// A valid list that is cut at any byte is rejected, or it answers about each token as the whole list does or as
    /// about a token that is unknown: it gives no right that the whole list does not give.
    /// </summary>
    /// <remarks>
    /// The property is about prefixes alone. The start of a new list followed by the end of an older one, as an
    /// overwriting program leaves it for a moment, is no prefix.
    /// </remarks>
    [Fact]
    public void CutList_GivesNoRightThatTheWholeListDoesNot() =>
        Gen.Select(GenRule.Array[0, 3], Gen.Int[0, 1000])
            .Sample(
                (drawn, style) =>
                {
                    var rules = drawn.DistinctBy(rule => rule.Token).ToList();
                    var csv = Encoding.UTF8.GetBytes(Write(rules, style));
                    var whole = AclRules.Read(new MemoryStream(csv), "whole");
                    var accepted = 0;
                    for (var length = 0; length < csv.Length; length++)
                    {
                        if (TryRead(csv, length) is not { } cut)
                            continue;
                        accepted++;
                        Assert.All(Questions(rules), question => AssertNoNewRight(whole, cut, question));
                    }

                    Assert.InRange(accepted, 0, 2 * csv.Count(letter => letter == '\n'));
                },
                iter: 50
            );

    private static void AssertNoNewRight(AclRules whole, AclRules cut, (AuthorizationQuery Query, int Hours) question)
    {
        var now = Queries.Now.AddHours(question.Hours);
        var answer = cut.Decide(question.Query, now);
        if (answer != AuthorizerAnswer.Deny(DenialReason.UnknownToken))
            Assert.Equal(whole.Decide(question.Query, now), answer);
    }

    /// <summary>Each token at each station, before, within and after each time that a rule may name.</summary>
    private static IEnumerable<(AuthorizationQuery Query, int Hours)> Questions(List<Rule> rules) =>
        from rule in rules
        from station in Stations
        from hours in Enumerable.Range(-4, 9)
        select (Queries.Some(rule.Token, station.ToString()), hours);

    private static AclRules? TryRead(byte[] csv, int length)
    {
        try
        {
            return AclRules.Read(new MemoryStream(csv, 0, length), "cut");
        }
        catch (InvalidAclException)
        {
            return null;
        }
    }

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
                text.Append(random.Next(2) == 0 ? "# a comment, \"with\" marks, gr\u00FCn" : "").Append(end);
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
