using System.Net;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;
using AkkaCharging.Metrics;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Browser;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Admin;

/// <summary>One browser for the tests of the console.</summary>
public sealed class SharedBrowser : IAsyncLifetime
{
    internal Chromium Chromium { get; private set; } = null!;

    public async Task InitializeAsync() => Chromium = await Chromium.StartAsync();

    public async Task DisposeAsync() => await Chromium.DisposeAsync();
}

/// <summary>The operators' console in a real browser, on the whole service.</summary>
/// <remarks>Saves screenshots to the folder that <c>AKKACHARGING_SCREENSHOTS</c> names, if it is set.</remarks>
[Trait("Category", "Component")]
public sealed class ConsoleTests(SharedBrowser browser) : IClassFixture<SharedBrowser>, IAsyncLifetime
{
    internal const string Token = "operators-token-0001";
    private CallbackReceiver _receiver = null!;

    public async Task InitializeAsync() => _receiver = await CallbackReceiver.StartAsync();

    public async Task DisposeAsync() => await _receiver.DisposeAsync();

    [Fact]
    public async Task DeadLetter_IsSeen_RedrivenByClick_AndGone()
    {
        await using var service = await RunningService.StartAsync();
        var first = await service.FailAsync(_receiver);
        var second = await service.FailAsync(_receiver);
        await using var page = await OpenAsync(service, "/");

        await page.ShowsAsync(Row(first), "Redrive");
        Assert.Equal([second, first], await RowsAsync(page, "letters"));
        Assert.Contains($"{_receiver.Destination()}\t", await page.TextAsync(Row(first)), StringComparison.Ordinal);
        Assert.Contains("http_error, 410, ", await page.TextAsync(Row(first)), StringComparison.Ordinal);
        Assert.Contains("allo***", await page.TextAsync(Row(first)), StringComparison.Ordinal);
        await ShootAsync(page, "letters");
        _receiver.RespondWith(HttpStatusCode.NoContent);
        await page.ClickAsync($"{Row(first)} button");
        await page.ShowsAsync("#confirm-text", $"Redrive {first}?");
        await page.ClickAsync("#confirm-yes");

        await page.ShowsAsync("#notice", $"{first} is sent again.");
        await page.ShowsAsync($"document.querySelector({Quoted(Row(first))}) === null");
        await service.StateAsync(first, "delivered");
        Assert.Equal([second], await RowsAsync(page, "letters"));
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task Request_IsFoundByWhatIsKnownOfIt_AndItsTimelineShown()
    {
        await using var service = await RunningService.StartAsync();
        var failed = await service.FailAsync(_receiver);
        _receiver.RespondWith(HttpStatusCode.NoContent);
        var delivered = await service.AcceptAsync(_receiver.Url);
        await service.StateAsync(delivered, "delivered");
        await using var page = await OpenAsync(service);

        await page.TypeAsync("#find-what", _receiver.Destination());
        await page.PressAsync("Enter");
        await page.ShowsAsync("document.querySelectorAll('#found tr').length === 2");
        Assert.Equal([delivered, failed], await RowsAsync(page, "found"));
        await ShootAsync(page, "found");
        await page.EvaluateAsync("document.querySelector('#find-state').value = 'failed'");
        await page.ClickAsync("#find button[type=submit]");
        await page.ShowsAsync("document.querySelectorAll('#found tr').length === 1");
        await page.ClickAsync($"#found tr[data-key={Quoted(failed)}] button");

        await page.ShowsAsync("#request-steps", "attempt: http_error, 410, ");
        Assert.Contains("allowed, in_acl", await page.TextAsync("#request-facts"), StringComparison.Ordinal);
        await ShootAsync(page, "request");
        await page.PressAsync("Escape");
        await page.ClickAsync("#find button[type=reset]");
        await page.TypeAsync("#find-what", delivered);
        await page.PressAsync("Enter");
        await page.ShowsAsync("#request-title", delivered);
        await page.PressAsync("Escape");
        await page.TypeAsync("#find-what", "nonsense");
        await page.PressAsync("Enter");
        await page.ShowsAsync("#find-problem", "Type a request id");
        Assert.Empty(page.Complaints);
        Assert.Equal(
            string.Join(' ', Enum.GetValues<AttemptCause>().Select(cause => cause.Name())),
            (
                await page.EvaluateAsync(
                    "[...document.querySelectorAll('#find-cause option')].slice(1).map(o => o.text).join(' ')"
                )
            ).GetString()
        );
        Assert.Equal(
            string.Join(' ', Enum.GetValues<RequestState>().Select(state => state.Name())),
            (
                await page.EvaluateAsync(
                    "[...document.querySelectorAll('#find-state option')].slice(1).map(o => o.text).join(' ')"
                )
            ).GetString()
        );
    }

    [Fact]
    public async Task ReceiverThatIsAway_IsAProblemOfItsOwn_BesideAServiceThatIsUp()
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero }) with
            {
                Callback = settings.Callback with { RetryDelay = TimeSpan.FromMilliseconds(1) },
                Monitoring = settings.Monitoring with
                {
                    Thresholds = settings.Monitoring.Thresholds with { CallbackErrorRate = 1 },
                },
            }
        );
        await using var page = await OpenAsync(service);
        await page.ShowsAsync("#health", "UP");
        Assert.False((await page.EvaluateAsync("document.querySelector('#problems').checkVisibility()")).GetBoolean());

        _receiver.RespondWith(HttpStatusCode.ServiceUnavailable);
        for (var request = 0; request < 20; request++)
            await service.AcceptAsync(_receiver.Url);

        await page.ShowsAsync("#receivers-health", "1 of 1 receivers away");
        await page.ShowsAsync("#problem-cards", $"{_receiver.Destination()} does not take callbacks");
        var card = await page.TextAsync("#problem-cards .card.bad");
        Assert.Contains("since 20", card, StringComparison.Ordinal);
        Assert.Contains("http_error, 503, ", card, StringComparison.Ordinal);
        Assert.Equal("UP", await page.TextAsync("#health"));
        await ShootAsync(page, "problems");
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task Discard_AsksFirst()
    {
        await using var service = await RunningService.StartAsync();
        var id = await service.FailAsync(_receiver);
        await using var page = await OpenAsync(service);
        var discard = $"{Row(id)} button[aria-label^=Discard]";

        await page.ClickAsync(discard);
        await page.ShowsAsync("#confirm-text", $"Discard {id}?");
        await ShootAsync(page, "confirm");
        await page.EvaluateAsync(
            """
            document.querySelector('#confirm')
                .addEventListener('close', () => setTimeout(() => { window.isLeft = true; }), { once: true })
            """
        );
        await page.PressAsync("Escape");
        await page.ShowsAsync("window.isLeft"); // the page has heard of it, too
        Assert.Equal("failed", (await service.GetAsync($"{Api.Submit}/{id}")).GetProperty("state").GetString());
        Assert.Single(
            (await service.Management.GetAsync(Operators.Letters).ReadAsync())
                .GetProperty("deadLetters")
                .EnumerateArray()
        );
        await page.ClickAsync(discard);
        await page.ShowsAsync("document.querySelector('#confirm').open");
        await page.PressAsync("Tab"); // the first button cancels
        await page.PressAsync("Enter");

        await page.ShowsAsync("#notice", $"{id} is discarded.");
        await page.ShowsAsync("#no-letters", "No dead letters.");
        Assert.Empty(
            (await service.Management.GetAsync(Operators.Letters).ReadAsync())
                .GetProperty("deadLetters")
                .EnumerateArray()
        );
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task DialogThatIsLeft_GivesTheFocusBackToItsButton()
    {
        await using var service = await RunningService.StartAsync();
        var id = await service.FailAsync(_receiver);
        await using var page = await OpenAsync(service);
        var discard = Quoted($"{Row(id)} button[aria-label^=Discard]");
        await page.ShowsAsync(Row(id), "Discard");

        await page.EvaluateAsync($"document.querySelector({discard}).focus()");
        await page.PressAsync("Enter");
        await page.ShowsAsync("#confirm-text", $"Discard {id}?");
        await page.PressAsync("Enter"); // on the first button, which does nothing

        await page.ShowsAsync("!document.querySelector('#confirm').open");
        Assert.True(
            (await page.EvaluateAsync($"document.activeElement === document.querySelector({discard})")).GetBoolean()
        );
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task ManyLetters_AreTurnedOver_Filtered_AndRedriven()
    {
        const int Count = 27;
        await using var other = await CallbackReceiver.StartAsync();
        await using var service = await RunningService.StartAsync();
        var ids = new List<string>();
        for (var i = 0; i < Count; i++)
            ids.Insert(0, await service.FailAsync(_receiver));
        var elsewhere = await service.FailAsync(other);
        await using var page = await OpenAsync(service);

        await page.ShowsAsync(Row(elsewhere), elsewhere);
        Assert.Equal([elsewhere, .. ids[..24]], await RowsAsync(page, "letters"));
        await page.ClickAsync("#next-page");
        await page.ShowsAsync(Row(ids[^1]), ids[^1]);
        Assert.Equal(ids[24..], await RowsAsync(page, "letters"));
        await page.ClickAsync("#first-page");
        await page.ShowsAsync(Row(elsewhere), elsewhere);
        await page.TypeAsync("#filter-destination", other.Destination());
        await page.PressAsync("Enter");
        await page.ShowsAsync("document.querySelectorAll('#letters tr').length === 1");
        other.RespondWith(HttpStatusCode.NoContent);
        await page.ClickAsync("#redrive-all");
        await page.ShowsAsync("#confirm-text", $"Redrive 1 dead letter to {other.Destination()}?");
        await page.ShowsAsync("#confirm-text", "Cause: http_status 1.");
        await page.ShowsAsync("#confirm-text", "Accepted: 1 in the last hour, 0 in the last day before it, 0 earlier.");
        await page.ShowsAsync("#confirm-text", "Past their time: 0.");
        await ShootAsync(page, "preview");
        await page.ClickAsync("#confirm-yes");

        await page.ShowsAsync("#bulk-text", "done. 1 of 1 redriven");
        await page.ShowsAsync("#no-letters", "No dead letters match.");
        await service.StateAsync(elsewhere, "delivered");
        await page.ClickAsync("#filter button[type=reset]");
        await page.ShowsAsync(Row(ids[0]), ids[0]);
        Assert.Equal("failed", (await service.GetAsync($"{Api.Submit}/{ids[0]}")).GetProperty("state").GetString());
        await page.ChooseAsync("#filter-cause", "connection_refused");
        await page.ClickAsync("#filter button[type=submit]");
        await page.ShowsAsync("#no-letters", "No dead letters match.");
        await page.ChooseAsync("#filter-cause", "http_status");
        await page.ChooseAsync("#filter-age", "acceptedTo 3600000");
        await page.ClickAsync("#redrive-all");
        await page.ShowsAsync("#notice", "Nothing to redrive: no dead letter matches.");
        await page.ChooseAsync("#filter-age", "acceptedFrom 3600000");
        await page.ClickAsync("#redrive-all");
        await page.ShowsAsync("#confirm-text", "Redrive 27 dead letters by http_status, accepted since 20");
        await page.ClickAsync("#confirm-yes");
        await page.ShowsAsync("#bulk-text", ", by http_status, accepted since 20");
        Assert.Equal(
            (await page.EvaluateAsync("document.querySelector('#find-cause').innerHTML")).GetString(),
            (await page.EvaluateAsync("document.querySelector('#filter-cause').innerHTML")).GetString()
        );
        await page.TypeAsync("#filter-destination", "nonsense");
        await page.PressAsync("Enter");
        await page.ShowsAsync("#letters-problem", "Invalid destination.");
        await ShootAsync(page, "many");
    }

    [Fact]
    public async Task SeveralLetters_AreSelected_AndTheListWaitsForThem()
    {
        await using var service = await RunningService.StartAsync();
        var first = await service.FailAsync(_receiver);
        var second = await service.FailAsync(_receiver);
        var third = await service.FailAsync(_receiver);
        await using var page = await OpenAsync(service);

        await page.ClickAsync($"{Row(first)} input");
        await page.ClickAsync($"{Row(third)} input");
        await page.ShowsAsync("#discard-selected", "Discard 2 selected…");
        var fourth = await service.FailAsync(_receiver);
        await page.ShowsAsync("#letters-held", "Paused while rows are selected: 1 new, 0 gone.");
        Assert.Equal([third, second, first], await RowsAsync(page, "letters"));
        await ShootAsync(page, "selected");
        await page.ClickAsync("#discard-selected");
        await page.ShowsAsync("#confirm-text", "Discard 2 dead letters?");
        await page.ClickAsync("#confirm-yes");

        await page.ShowsAsync("#notice", "2 of 2 are discarded.");
        await page.ShowsAsync($"document.querySelectorAll('#letters tr').length === 2");
        Assert.Equal([fourth, second], await RowsAsync(page, "letters"));
        await page.ClickAsync("#select-all");
        await service.ChangeAsync($"{Operators.Letters}/{second}/discard").ReadAsync();
        _receiver.RespondWith(HttpStatusCode.NoContent);
        await page.ClickAsync("#redrive-selected");
        await page.ShowsAsync("#confirm-text", "Redrive 2 dead letters?");
        await page.ClickAsync("#confirm-yes");
        await page.ShowsAsync("#notice", "1 of 2 are sent again.");
        await page.ShowsAsync("#notice", $"Not done: {second}: The request is not a dead letter");
        await service.StateAsync(fourth, "delivered");
        await page.ShowsAsync("#no-letters", "No dead letters.");
        await page.ShowsAsync("document.querySelectorAll('#actions tr').length === 5");
        Assert.Contains($"redrive\t{second}\tconflict", await page.TextAsync("#actions"), StringComparison.Ordinal);
        await ShootAsync(page, "actions");
        Assert.DoesNotContain(page.Complaints, complaint => !complaint.Contains("409", StringComparison.Ordinal));
    }

    [Fact]
    public async Task ListUnderThePointer_DoesNotMove()
    {
        await using var service = await RunningService.StartAsync();
        var first = await service.FailAsync(_receiver);
        await using var page = await OpenAsync(service);
        await page.ShowsAsync(Row(first), first);

        await page.PointAsync(Row(first));
        var second = await service.FailAsync(_receiver);
        await page.ShowsAsync("#letters-held", "Paused while the pointer is on the list: 1 new, 0 gone.");
        Assert.Equal([first], await RowsAsync(page, "letters"));
        await page.PointAsync("h1");

        await page.ShowsAsync("document.querySelectorAll('#letters tr').length === 2");
        Assert.Equal([second, first], await RowsAsync(page, "letters"));
        Assert.Equal("", await page.TextAsync("#letters-held"));
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task LastHour_IsDrawn_AndToldInWords()
    {
        var time = new FakeTimeProvider();
        await using var service = await RunningService.StartAsync(customize: services => services.AddTime(time));
        var metrics = service.App.Services.GetRequiredService<IMetricsSink>();
        for (var minute = 0; minute < 60; minute++)
        {
            for (var i = 0; i < minute; i++)
            {
                metrics.Tell(new SubmissionAnswered(AnswerStatus.Accepted, TimeSpan.FromMilliseconds(i)));
                metrics.Tell(
                    new RequestSettled(
                        i % 7 == 6 ? RequestState.Failed : RequestState.Delivered,
                        TimeSpan.FromMilliseconds(20 * (i + 1))
                    )
                );
            }

            await metrics.GetHistoryAsync(pending: 0, default); // all are counted
            time.Advance(LastHour.Interval);
            await metrics.GetHistoryAsync(pending: 0, default);
        }

        await using var page = await OpenAsync(service);

        await page.ShowsAsync("document.querySelectorAll('#charts svg').length === 5");
        Assert.Equal(
            "Requests / min in the last hour. accepted: 59 now, 0 to 59; delivered: 51 now, 0 to 51.",
            (await page.EvaluateAsync("document.querySelector('#charts svg').getAttribute('aria-label')")).GetString()
        );
        Assert.StartsWith(
            "Time to settle ms in the last hour. p50: 60",
            (
                await page.EvaluateAsync("document.querySelectorAll('#charts svg')[4].getAttribute('aria-label')")
            ).GetString(),
            StringComparison.Ordinal
        );
        await ShootAsync(page, "hour");
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task Destination_IsPausedAndResumedByClick()
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero }) with
            {
                Callback = settings.Callback with { Timeout = TimeSpan.FromMinutes(5) },
            }
        );
        _receiver.Hang();
        await service.AcceptAsync(_receiver.Url);
        await using var page = await OpenAsync(service);
        var row = Row(_receiver.Destination());

        await page.ShowsAsync(row, "1 of 2");
        await page.ClickAsync($"{row} button");
        await page.ShowsAsync("#notice", $"{_receiver.Destination()} is paused.");
        await page.ShowsAsync(row, "paused");
        await page.ShowsAsync("#problem-cards", $"{_receiver.Destination()} is paused\nsince 20");
        await page.ClickAsync($"{row} button");
        await page.ShowsAsync("#notice", $"{_receiver.Destination()} is resumed.");

        await page.ShowsAsync(row, "Pause");
        Assert.Equal("1 of 10,000", await page.TextAsync("#queue"));
        Assert.Equal("0 authorizations, 1 callbacks", await page.TextAsync("#in-flight"));
        await ShootAsync(page, "destinations");
    }

    [Fact]
    public async Task EverythingElse_IsShown_AndWhatIsWrongIsTold()
    {
        var journal = new ScriptedJournal("sqlite");
        var letters = new ScriptedDeadLetters(journal.DeadLetters);
        await using var service = await RunningService.StartAsync(
            settings =>
                settings with
                {
                    Effective =
                    [
                        new EffectiveSetting("queue.maxSize", "10000", "reference.conf:50"),
                        new EffectiveSetting("management.token", "(secret)", "environment variable X"),
                    ],
                },
            customize: services =>
                services.AddSingleton<IRequestJournal>(journal).AddSingleton<IDeadLetterStore>(letters)
        );
        await using var page = await OpenAsync(service);

        await page.ShowsAsync("#health", "UP");
        Assert.Equal(
            ["pipeline", "queue", "authorization", "callbacks", "journal", "files", "acl"],
            await RowsAsync(page, "components")
        );
        Assert.Equal("No callback is pending, and no destination is paused.", await page.TextAsync("#no-destinations"));
        Assert.False((await page.EvaluateAsync("document.querySelector('#cluster').checkVisibility()")).GetBoolean());
        await ShootAsync(page, "empty");
        await page.ClickAsync("#all-settings > summary");
        await page.TypeAsync("#settings-filter", "QUEUE");
        await page.ShowsAsync("document.querySelectorAll('#settings tr').length === 1");
        Assert.Equal("queue.maxSize\t10000\treference.conf:50", await page.TextAsync("#settings tr"));
        journal.Fault = letters.Fault = new JournalUnavailableException("disk full");

        await page.ShowsAsync("#health", "DOWN");
        await page.ShowsAsync("#problem-cards", "journal is DOWN\nsince 20");
        await page.ShowsAsync("#letters-problem", "The journal is not available.");
        Assert.Contains(
            "disk full",
            await page.TextAsync("#components tr[data-key=journal]"),
            StringComparison.Ordinal
        );
        await ShootAsync(page, "journal-away");
        journal.Fault = letters.Fault = null;
        await page.ShowsAsync("#health", "UP");
        await page.ShowsAsync("document.querySelector('#letters-problem').innerText === ''");
    }

    [Fact]
    public async Task Partners_AreShown_WithWhatTheyAnswered_AndWhatHasToBeMended()
    {
        var first = new ScriptedAuthorizer().AnswersAlways(AuthorizerAnswer.Deny(DenialReason.UnknownToken));
        await using var service = await RunningService.StartAsync(customize: services =>
            services.AddSingleton(
                new AuthorizerChain([
                    new SinglePartner(new Partner("acl", first)),
                    new SinglePartner(new Partner("tnm", new MisconfiguredAuthorizer())),
                ])
            )
        );
        for (var i = 0; i < 2; i++)
        {
            using var answer = await service.Http.PostAsync(
                "/api/v1/authorize",
                Api.Json($$"""{"stationId":"{{RunningService.Station}}","driverToken":"{{Api.Token}}"}""")
            );
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        await using var page = await OpenAsync(service);

        await page.ShowsAsync("#partners tr[data-key=tnm]", "authorizer_error: 2");
        Assert.Equal(["acl", "tnm"], await RowsAsync(page, "partners"));
        Assert.Equal("acl\tclosed\t0\tnot_in_acl: 2\t", await page.TextAsync("#partners tr[data-key=acl]"));
        Assert.Equal(
            $"tnm\tclosed\t0\tauthorizer_error: 2\t{MisconfiguredAuthorizer.Problem}",
            await page.TextAsync("#partners tr[data-key=tnm]")
        );
        await ShootAsync(page, "partners");
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task ServiceThatDoesNotAnswer_LeavesTheFiguresMarkedAsOld()
    {
        await using var page = await WithServiceAsync();

        await page.ShowsAsync("#stale-text", "Out of date: the service cannot be reached. Last updated at ");
        await page.ShowsAsync("#stale-next", "Next try in ");
        Assert.True((await page.EvaluateAsync("document.body.classList.contains('stale')")).GetBoolean());
        Assert.Equal("UP", await page.TextAsync("#health"));
        await ShootAsync(page, "stale");

        async Task<Page> WithServiceAsync()
        {
            await using var service = await RunningService.StartAsync();
            var opened = await OpenAsync(service);
            await opened.ShowsAsync("#health", "UP");
            return opened;
        }
    }

    [Fact]
    public async Task Token_IsAskedFor_AndKeptNowhere()
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithManagement(management => management with { Token = Token })
        );
        await using var page = await OpenAsync(service);

        await page.ShowsAsync("document.activeElement.id === 'token'");
        Assert.Equal(
            "[false,0]",
            (
                await page.EvaluateAsync(
                    "[document.querySelector('#board').checkVisibility(), document.querySelectorAll('tbody tr').length]"
                )
            ).GetRawText()
        );
        await ShootAsync(page, "sign-in");
        await page.TypeAsync("#token", Token + "x");
        await page.PressAsync("Enter");
        await page.ShowsAsync("#sign-in-problem", "The operators' token is missing or wrong.");
        await page.TypeAsync("#token", Token);
        await page.PressAsync("Enter");

        await page.ShowsAsync("#health", "UP");
        await page.ShowsAsync("#no-letters", "No dead letters.");
        // A mistyped token counts once, however many parts the page has.
        Assert.Equal(1, service.App.Services.GetRequiredService<ListenerWrongKeys>().Operators.Wrong);
        Assert.Equal(
            "[0,0,\"\",true]",
            (
                await page.EvaluateAsync(
                    "[localStorage.length, sessionStorage.length, document.cookie, "
                        + "!document.documentElement.outerHTML.includes('operators-token')]"
                )
            ).GetRawText()
        );
        await page.ClickAsync("#sign-out");
        await page.ShowsAsync("#sign-in-problem", "Signed out.");
        Assert.Equal(
            "[false,0]",
            (
                await page.EvaluateAsync(
                    "[document.querySelector('#board').checkVisibility(), document.querySelectorAll('tbody tr').length]"
                )
            ).GetRawText()
        );
        // a browser logs each rejection
        Assert.DoesNotContain(page.Complaints, complaint => !complaint.Contains("401", StringComparison.Ordinal));
    }

    [Fact]
    public async Task TextFromOutside_NeverBecomesMarkup()
    {
        const string Hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>";
        await using var service = await RunningService.StartAsync(settings =>
            settings with
            {
                Effective = [new EffectiveSetting(Hostile, Hostile, Hostile)],
            }
        );
        await using var page = await OpenAsync(service);
        await page.ShowsAsync("#health", "UP");

        await page.ClickAsync("#all-settings > summary");

        await page.ShowsAsync("#settings tr", Hostile);
        Assert.Equal(
            0,
            (await page.EvaluateAsync("document.querySelectorAll('#settings img, #settings script').length")).GetInt32()
        );
        Assert.Equal(
            "refused",
            (
                await page.EvaluateAsync(
                    "(() => { try { document.body.innerHTML = '<b>'; return 'taken'; } catch { return 'refused'; } })()"
                )
            ).GetString()
        );
        Assert.Equal(
            "refused",
            (await page.EvaluateAsync("fetch('http://127.0.0.1:9/').then(() => 'taken', () => 'refused')")).GetString()
        );
    }

    [Fact]
    public async Task NarrowWindow_NeedsNoScrollingSideways()
    {
        await using var service = await RunningService.StartAsync();
        await service.FailAsync(_receiver);
        await using var page = await OpenAsync(service);
        await page.ShowsAsync("document.querySelectorAll('#letters tr').length === 1");

        await page.LookAsync("light", 360);
        await page.ShowsAsync("!document.querySelector('.fold').open");
        await page.EvaluateAsync("for (const folded of document.querySelectorAll('details')) folded.open = true");

        Assert.Equal(360, (await page.EvaluateAsync("document.documentElement.scrollWidth")).GetInt32());
    }

    [Fact]
    public async Task Files_HaveTheHeadersThatBrowsersActOn_AndNeedNoToken()
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithManagement(management => management with { Token = Token })
        );

        foreach (
            var (path, type) in new[]
            {
                ("/console", "text/html"),
                ("/console.css", "text/css"),
                ("/console.js", "text/javascript"),
                ("/", "text/html"),
            }
        )
        {
            using var file = await service.Management.GetAsync(path);
            Assert.Equal((200, type), ((int)file.StatusCode, file.Content.Headers.ContentType!.MediaType));
            Assert.StartsWith(
                "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; ",
                file.Headers.GetValues("Content-Security-Policy").Single(),
                StringComparison.Ordinal
            );
            Assert.Contains(
                "frame-ancestors 'none'",
                file.Headers.GetValues("Content-Security-Policy").Single(),
                StringComparison.Ordinal
            );
            Assert.Equal("nosniff", file.Headers.GetValues("X-Content-Type-Options").Single());
            Assert.DoesNotContain(
                "://",
                (await file.Content.ReadAsStringAsync()).Replace(
                    "https://receiver.example.com",
                    "",
                    StringComparison.Ordinal
                ),
                StringComparison.Ordinal
            );
            using var absent = await service.Http.GetAsync(path);
            await Api.RefusedAsync(absent, 404, "not_found");
        }

        foreach (
            var (method, path) in new[]
            {
                ("POST", "/console"),
                ("GET", "/console/"),
                ("GET", "/console.jsx"),
                ("GET", "/admin/overview"),
            }
        )
            await Api.RefusedAsync(
                await service.OperateAsync(method, path, contentType: "application/json"),
                401,
                "unauthorized"
            );
    }

    private Task<Page> OpenAsync(RunningService service, string path = "/console") => OpenAsync(browser, service, path);

    internal static async Task<Page> OpenAsync(SharedBrowser browser, RunningService service, string path = "/console")
    {
        var page = await browser.Chromium.OpenAsync(new Uri(service.Management.BaseAddress!, path));
        await page.LookAsync("light", 1280);
        await page.ShowsAsync("document.querySelector('.fold').open"); // nothing moves any more
        return page;
    }

    internal static string Row(string key) => $"tr[data-key='{key}']";

    private static string Quoted(string text) => System.Text.Json.JsonSerializer.Serialize(text);

    internal static async Task<IReadOnlyList<string>> RowsAsync(Page page, string table) =>
        [
            .. (await page.EvaluateAsync($"[...document.querySelectorAll('#{table} tr')].map(row => row.dataset.key)"))
                .EnumerateArray()
                .Select(key => key.GetString()!),
        ];

    internal static async Task ShootAsync(Page page, string name)
    {
        if (Environment.GetEnvironmentVariable("AKKACHARGING_SCREENSHOTS") is not { Length: > 0 } folder)
            return;
        foreach (var (scheme, width) in new[] { ("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390) })
        {
            await page.LookAsync(scheme, width);
            await File.WriteAllBytesAsync(
                Path.Combine(folder, $"{name}-{scheme}-{width}.png"),
                await page.ScreenshotAsync()
            );
        }

        await page.LookAsync("light", 1280);
    }

    private sealed class MisconfiguredAuthorizer : IAuthorizer, IReportsMisconfiguration
    {
        public const string Problem = "OCPI partner tnm answered 401; check tokenFile";

        public string? Misconfiguration => Problem;

        public ValueTask<AuthorizerAnswer> AuthorizeAsync(
            AuthorizationQuery query,
            CancellationToken cancellationToken
        ) => ValueTask.FromResult(AuthorizerAnswer.Misconfigured(Problem));
    }
}
