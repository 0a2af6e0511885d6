using AkkaCharging.Host.Connections;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Tests.Connections;

[Trait("Category", "Unit")]
public sealed class FileBudgetTests
{
    [Theory]
    [InlineData(1_048_576, 10_000, 4_096)]
    [InlineData(16_384, 10_000, 4_096)]
    [InlineData(4_096, 1_776, 1_776)]
    [InlineData(1_024, 240, 240)]
    [InlineData(576, 16, 16)]
    public void Defaults_AreCutToTheLimit_HalfAndHalf(int limit, int callers, int callbacks)
    {
        var budget = FileBudget.Of(limit, SettingsLoader.Defaults);

        Assert.Equal((callers, 64, callbacks), (budget.Callers, budget.Operators, budget.Callbacks));
        Assert.True(budget.Callers + budget.Operators + budget.Callbacks + budget.Rest <= limit);
    }

    [Theory]
    [InlineData(0, 4_096)]
    [InlineData(100, 4_096)]
    [InlineData(1_000_000, 4_096)]
    [InlineData(0, 1)]
    [InlineData(100_000, 1_000_000)]
    public void Shares_NeverAddUpToMoreThanTheLimit_AndNobodyIsLeftWithout(int maxConnections, int maxInFlight)
    {
        var settings = Settings(maxConnections, maxInFlight);
        for (var limit = 576; limit < 40_000; limit += 7)
        {
            var budget = FileBudget.Of(limit, settings);
            Assert.True(budget.Callers + budget.Operators + budget.Callbacks + budget.Rest <= limit);
            Assert.True(budget is { Callers: > 0, Callbacks: > 0 });
        }
    }

    [Fact]
    public void WhatOneDoesNotNeed_IsTheOthers()
    {
        Assert.Equal((100, 380), Shares(FileBudget.Of(1_024, Settings(100, 4_096))));
        Assert.Equal((470, 10), Shares(FileBudget.Of(1_024, Settings(0, 10))));
    }

    [Fact]
    public void WhatIsCut_IsSaid_AndCallbacksAreConfined()
    {
        var settings = Settings(5_000, 4_096);
        var budget = FileBudget.Of(1_024, settings);

        Assert.Equal(
            [
                "server.maxConnections = 5000 is reduced to 240: the process may open 1024 files (ulimit -n).",
                "callback.maxInFlight = 4096 is reduced to 240: the process may open 1024 files (ulimit -n).",
            ],
            budget.Cuts(settings)
        );
        Assert.Equal(240, budget.Confine(settings).Callback.MaxInFlight);
        Assert.Empty(FileBudget.Of(16_384, settings).Cuts(settings));
        Assert.Empty(FileBudget.Of(null, settings).Cuts(settings));
    }

    [Fact]
    public void TooLowALimit_IsRefused_WithTheOneThatIsNeeded() =>
        Assert.Contains(
            "(ulimit -n) of at least 576.",
            Assert.Throws<InvalidSettingsException>(() => FileBudget.Of(575, SettingsLoader.Defaults)).Message,
            StringComparison.Ordinal
        );

    [Fact]
    public void AuthorizerAndCluster_HaveTheirShare()
    {
        var defaults = SettingsLoader.Defaults;
        var more = defaults with
        {
            Authorization = defaults.Authorization with { Provider = AuthorizationProvider.Http },
            Cluster = defaults.Cluster with { Enabled = true },
        };

        Assert.Equal(
            64 + defaults.Authorization.Parallelism,
            FileBudget.Of(null, more).Rest - FileBudget.Of(null, defaults).Rest
        );
    }

    [Theory]
    [InlineData("Max open files            1024                 4096                 files     ", 1_024)]
    [InlineData("Max open files            unlimited            unlimited            files     ", null)]
    [InlineData("Max processes             100                  100                  processes ", null)]
    public void Limit_IsTheSoftOne(string line, int? expected) =>
        Assert.Equal(expected, ProcessFiles.ReadLimit(["Limit   Soft Limit   Hard Limit   Units", line]));

    private static (int, int) Shares(FileBudget budget) => (budget.Callers, budget.Callbacks);

    private static ChargingSettings Settings(int maxConnections, int maxInFlight)
    {
        var defaults = SettingsLoader.Defaults;
        return defaults with
        {
            Server = defaults.Server with { MaxConnections = maxConnections },
            Callback = defaults.Callback with { MaxInFlight = maxInFlight },
        };
    }
}
