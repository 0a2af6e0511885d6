using System.Net;
using AkkaCharging.Metrics;
using AkkaCharging.Requests;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Browser;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests.Admin;

/// <summary>
/// What holds for the console as a whole, on a page with problems, dead letters and an hour behind it: everybody can
/// use it, a phone too, its first action is few keys away, and nothing irreversible happens without a question.
/// </summary>
[Trait("Category", "Component")]
public sealed class ConsoleAcceptanceTests(SharedBrowser browser) : IClassFixture<SharedBrowser>, IAsyncLifetime
{
    private readonly LateClock _time = new() { Late = LastHour.Interval * 60 };
    private CallbackReceiver _refusing = null!;
    private CallbackReceiver _away = null!;
    private RunningService _service = null!;
    private Page _page = null!;
    private string _letter = "";

    public async Task InitializeAsync()
    {
        _refusing = await CallbackReceiver.StartAsync();
        _away = await CallbackReceiver.StartAsync();
        _service = await RunningService.StartAsync(
            settings =>
                settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero }) with
                {
                    Callback = settings.Callback with { RetryDelay = TimeSpan.FromMilliseconds(1) },
                },
            services => services.AddSingleton<TimeProvider>(_time)
        );
        for (var letter = 0; letter < 30; letter++)
            _letter = await _service.FailAsync(_refusing);
        var metrics = _service.App.Services.GetRequiredService<IMetricsSink>();
        for (var minute = 0; minute < 60; minute++)
        {
            for (var i = 0; i < minute; i++)
            {
                metrics.Tell(new SubmissionAnswered(AnswerStatus.Accepted, TimeSpan.FromMilliseconds(i)));
                metrics.Tell(new RequestSettled(RequestState.Delivered, TimeSpan.FromMilliseconds(20 * i)));
            }

            await metrics.GetHistoryAsync(pending: 0, default); // all are counted
            _time.Late -= LastHour.Interval;
            metrics.Tell(new MinuteEnded(Pending: minute));
        }

        _away.RespondWith(HttpStatusCode.ServiceUnavailable);
        for (var request = 0; request < 20; request++)
            await _service.AcceptAsync(_away.Url);
        _page = await browser.Chromium.OpenAsync(new Uri(_service.Management.BaseAddress!, "/console"));
        await _page.LookAsync("light", 1280);
        await _page.ShowsAsync("#receivers-health", "receivers away");
        await _page.ShowsAsync("#problem-cards", $"{_away.Destination()} does not take callbacks");
        await _page.ShowsAsync("document.querySelectorAll('#letters tr').length === 25");
        await _page.ShowsAsync("document.querySelectorAll('#charts svg').length === 5");
    }

    public async Task DisposeAsync()
    {
        await _page.DisposeAsync();
        await _service.DisposeAsync();
        await _refusing.DisposeAsync();
        await _away.DisposeAsync();
    }

    [Fact]
    public async Task NothingOfIt_BreaksARuleOfAccessibility()
    {
        var axe = Path.Combine(Repository.Root, "tests", "accessibility", "node_modules", "axe-core", "axe.min.js");
        await _page.EvaluateAsync(await File.ReadAllTextAsync(axe)); // test.sh installs it
        var letter = $"tr[data-key='{_letter}']";

        await KeepsTheRulesAsync("board");
        await _page.ClickAsync($"{letter} button");
        await KeepsTheRulesAsync("question");
        await _page.PressAsync("Escape");
        await _page.TypeAsync("#find-what", _letter);
        await _page.PressAsync("Enter");
        await _page.ShowsAsync("#request-title", _letter);
        await KeepsTheRulesAsync("request");
        await _page.PressAsync("Escape");

        await _page.EvaluateAsync("document.querySelector('h1').append(new Image())");
        Assert.StartsWith("image-alt: ", Assert.Single(await BrokenRulesAsync()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Phone_ShowsItInThreeScreens_AndAJumpUnfoldsAList()
    {
        await _page.LookAsync("light", 390);

        await _page.ShowsAsync("!document.querySelector('.fold').open");
        var height = (await _page.EvaluateAsync("document.documentElement.scrollHeight")).GetInt32();
        Assert.True(height <= 3 * 844, $"{height} pixels are more than three screens.");
        await _page.ClickAsync(".jump a[href='#letters-title']");
        await _page.ShowsAsync("#letters", _letter);
        await _page.EvaluateAsync("for (const folded of document.querySelectorAll('details')) folded.open = true");
        Assert.Equal(390, (await _page.EvaluateAsync("document.documentElement.scrollWidth")).GetInt32());
    }

    [Fact]
    public async Task FirstAction_IsAtMostFiveTabsAway()
    {
        await _page.ClickAsync("h1"); // the keys go to the page from its beginning
        await _page.PressAsync("Tab");
        await _page.PressAsync("Enter"); // the first jump link
        var tabs = 1;
        while (!(await _page.EvaluateAsync("document.activeElement.matches('button:enabled')")).GetBoolean())
        {
            Assert.True(++tabs <= 5, "No action in five tabs.");
            await _page.PressAsync("Tab");
        }

        Assert.Equal("redrive-all", (await _page.EvaluateAsync("document.activeElement.id")).GetString());
    }

    [Fact]
    public async Task NothingIrreversible_HappensWithoutAQuestion()
    {
        await _page.ClickAsync($"tr[data-key='{_letter}'] input");
        var irreversible = (
            await _page.EvaluateAsync(
                """
                [...document.querySelectorAll('#board button')].filter(b => b.checkVisibility() && !b.disabled)
                    .filter(b => !/^(Find|Clear|Show|Newest|Older|Pause|Resume)$/.test(b.textContent))
                    .map((b, i) => (b.dataset.asked = i, b.textContent))
                """
            )
        ).EnumerateArray().Select(text => text.GetString()!).ToList();

        Assert.Equal(
            ["Discard", "Discard 1 selected…", "Redrive", "Redrive 1 selected…", "Redrive all that match…"],
            irreversible.Distinct().Order(StringComparer.Ordinal)
        );
        for (var i = irreversible.Count - 1; i >= 0; i--) // the first one ends the selection
        {
            // Clicked by script, because the pointer would scroll the page 53 times.
            await _page.EvaluateAsync($"document.querySelector('[data-asked=\"{i}\"]').click()");
            await _page.ShowsAsync("document.querySelector('#confirm').open");
            Assert.Equal("Do nothing", (await _page.EvaluateAsync("document.activeElement.textContent")).GetString());
            await _page.PressAsync("Enter");
            await _page.ShowsAsync("!document.querySelector('#confirm').open");
        }

        Assert.Empty(
            (await _service.Management.GetAsync("/admin/actions").ReadAsync()).GetProperty("actions").EnumerateArray()
        );
    }

    private async Task KeepsTheRulesAsync(string what)
    {
        await ConsoleTests.ShootAsync(_page, $"acceptance-{what}");
        foreach (var (scheme, width) in new[] { ("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390) })
        {
            await _page.LookAsync(scheme, width);
            await _page.EvaluateAsync("for (const folded of document.querySelectorAll('details')) folded.open = true");
            var broken = await BrokenRulesAsync();
            Assert.True(broken.Count == 0, $"{what}, {scheme}, {width} pixels:\n{string.Join('\n', broken)}");
        }

        await _page.LookAsync("light", 1280);
    }

    private async Task<IReadOnlyList<string>> BrokenRulesAsync() => [.. (
                await _page.EvaluateAsync(
                    """
                    axe.run({ resultTypes: ['violations'] }).then(run => run.violations.map(rule =>
                        `${rule.id}: ${rule.nodes.map(node => `${node.target} ${node.failureSummary}`).join('\n')}`))
                    """
                )
            ).EnumerateArray().Select(rule => rule.GetString()!)];

    /// <summary>A clock that runs, and was late at first.</summary>
    private sealed class LateClock : TimeProvider
    {
        public TimeSpan Late { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() - Late;

        public override long GetTimestamp() =>
            base.GetTimestamp() - (long)(Late.TotalSeconds * System.TimestampFrequency);
    }
}
