using AkkaCharging.Journal.Retention;
using CsCheck;

namespace AkkaCharging.Tests.Journal.Retention;

[Trait("Category", "Unit")]
public sealed class CallerSharesTests
{
    [Fact]
    public void BusyCaller_LosesItsOwnRows_AndTheQuietOneNone()
    {
        var shares = Holding(("quiet", 1, 1), ("busy", 1_000, 0));

        Assert.Equal(new() { [new("busy", AreDeadLetters: false)] = 902 }, shares.Take(limit: 100, most: 5_000));
        Assert.Equal(100, shares.Total);
    }

    [Fact]
    public void DeadLetters_LeaveOnlyWhenNothingElseIsLeftAboveTheShares()
    {
        var shares = Holding(("dead", 2, 58), ("others", 60, 0), ("", 0, 5));

        Assert.Equal(
            new() { [new("others", AreDeadLetters: false)] = 27, [new("dead", AreDeadLetters: false)] = 2 },
            shares.Take(limit: 96, most: 5_000)
        );
        Assert.Equal(
            new() { [new("others", AreDeadLetters: false)] = 3, [new("dead", AreDeadLetters: true)] = 1 },
            shares.Take(limit: 92, most: 5_000)
        );
    }

    [Fact]
    public void CallerWithoutRows_HasNoShare()
    {
        var shares = Holding(("gone", 1, 0), ("busy", 10, 0));

        shares.Add(new("gone", AreDeadLetters: false), -3);

        Assert.Equal([new SettledGroup("busy", AreDeadLetters: false)], shares.Groups);
        Assert.Null(shares.Next(limit: 10));
    }

    [Fact]
    public void CallerAtItsShare_LosesNothing_AlsoWhenTheOthersHoldDeadLettersAlone()
    {
        var shares = Holding(("quiet", 5, 0), ("dead", 0, 10));

        Assert.Equal(new() { [new("dead", AreDeadLetters: true)] = 5 }, shares.Take(limit: 10, most: 5_000));
    }

    [Theory]
    [InlineData("most", 60, "some", 45)]
    [InlineData("some", 45, "most", 60)]
    public void DeadLetters_LeaveTheCallerThatHoldsTheMost_UpToABound(
        string first,
        int ofFirst,
        string second,
        int ofSecond
    )
    {
        var shares = Holding((first, 0, ofFirst), (second, 0, ofSecond));

        Assert.Equal(new() { [new("most", AreDeadLetters: true)] = 10 }, shares.Take(limit: 84, most: 10));
        Assert.Equal(95, shares.Total);
    }

    [Fact]
    public void ClearedShares_AreThoseOfNobody()
    {
        var shares = Holding(("fleet", 3, 2));

        shares.Clear();

        Assert.Equal(0, shares.Total);
        Assert.Empty(shares.Groups);
        shares.Add(new("roaming", AreDeadLetters: false), 4);
        Assert.Equal(new SettledGroup("roaming", AreDeadLetters: false), shares.Next(limit: 3));
        Assert.Null(shares.Next(limit: 4));
    }

    /// <summary>For any amounts of callers and any number of rows that may stay.</summary>
    [Fact]
    public void Rule_HoldsForAllCallers() =>
        Gen.Select(Gen.Select(Gen.Int[0, 12], Gen.Int[0, 12]).Array[1, 6], Gen.Int[0, 60])
            .Sample(
                (held, limit) =>
                {
                    var before = held.Index()
                        .Where(caller => caller.Item.Item1 + caller.Item.Item2 > 0)
                        .ToDictionary(
                            caller => $"key-{caller.Index}",
                            caller => (Others: caller.Item.Item1, DeadLetters: caller.Item.Item2),
                            StringComparer.Ordinal
                        );
                    var total = before.Values.Sum(All);
                    var shares = Holding([.. before.Select(c => (c.Key, c.Value.Others, c.Value.DeadLetters))]);

                    var taken = shares.Take(limit, most: int.MaxValue);

                    Assert.Equal(Math.Max(0, total - limit), taken.Values.Sum());
                    Assert.Equal(Math.Min(total, limit), shares.Total);
                    if (taken.Count == 0)
                        return;
                    var after = before.ToDictionary(
                        caller => caller.Key,
                        caller =>
                            (
                                Others: caller.Value.Others - taken.GetValueOrDefault(new(caller.Key, false)),
                                DeadLetters: caller.Value.DeadLetters - taken.GetValueOrDefault(new(caller.Key, true))
                            ),
                        StringComparer.Ordinal
                    );
                    Assert.All(after.Values, left => Assert.True(left is { Others: >= 0, DeadLetters: >= 0 }));
                    Assert.All(
                        before.Where(caller => All(caller.Value) <= limit / before.Count),
                        quiet => Assert.Equal(quiet.Value, after[quiet.Key])
                    );
                    Assert.All(
                        after.Where(caller =>
                            After(caller.Key, false) is var lost && lost + After(caller.Key, true) > 0
                        ),
                        loser => Assert.True(All(loser.Value) >= limit / before.Count)
                    );
                    var holders = after.Values.Where(left => All(left) > 0).ToList();
                    if (taken.Keys.Any(group => group.AreDeadLetters))
                        Assert.All(
                            holders.Where(left => All(left) > limit / holders.Count),
                            left => Assert.Equal(0, left.Others)
                        );
                    else
                        Assert.All(
                            taken.Keys,
                            group =>
                                Assert.All(
                                    holders.Where(left => left.Others > 0),
                                    left => Assert.True(All(left) <= All(after[group.Caller]) + 1)
                                )
                        );

                    int After(string caller, bool areDeadLetters) =>
                        taken.GetValueOrDefault(new(caller, areDeadLetters));
                },
                iter: 20_000
            );

    private static int All((int Others, int DeadLetters) held) => held.Others + held.DeadLetters;

    private static CallerShares Holding(params (string Caller, int Others, int DeadLetters)[] callers)
    {
        var shares = new CallerShares();
        foreach (var (caller, others, deadLetters) in callers)
        {
            shares.Add(new(caller, AreDeadLetters: false), others);
            shares.Add(new(caller, AreDeadLetters: true), deadLetters);
        }

        return shares;
    }
}
