using System.Net;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Browser;

namespace AkkaCharging.Host.Tests.Admin;

/// <summary>Answers to the console that come late or not at all, in a real browser.</summary>
[Trait("Category", "Component")]
public sealed class ConsoleLateAnswersTests(SharedBrowser browser) : IClassFixture<SharedBrowser>, IAsyncLifetime
{
    private CallbackReceiver _receiver = null!;

    public async Task InitializeAsync() => _receiver = await CallbackReceiver.StartAsync();

    public async Task DisposeAsync() => await _receiver.DisposeAsync();

    [Fact]
    public async Task ChangeWithoutAnAnswer_IsNotCalledUndone()
    {
        const string Unknown = "It is not known whether this was done: ";
        await using var service = await RunningService.StartAsync();
        var id = await service.FailAsync(_receiver);
        await using var page = await ConsoleTests.OpenAsync(browser, service);
        await page.EvaluateAsync(
            """
            (() => {
                const ask = window.fetch;
                window.fetch = (path, options) => options.method === 'POST'
                    ? Promise.reject(new DOMException('', 'TimeoutError'))
                    : ask(path, options);
            })()
            """
        );

        await page.ClickAsync($"{ConsoleTests.Row(id)} button[aria-label^=Redrive]");
        await page.ClickAsync("#confirm-yes");
        await page.ShowsAsync("#notice", $"{Unknown}no answer within 30 s");
        Assert.DoesNotContain("Not done", await page.TextAsync("#notice"), StringComparison.Ordinal);
        await page.ClickAsync($"{ConsoleTests.Row(id)} input");
        await page.ShowsAsync("#discard-selected", "Discard 1 selected…");
        await page.ClickAsync("#discard-selected");
        await page.ClickAsync("#confirm-yes");

        await page.ShowsAsync("#notice", $"0 of 1 are discarded. {Unknown}{id}: no answer within 30 s");
        Assert.DoesNotContain("Not done", await page.TextAsync("#notice"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnswerThatComesLate_IsDropped()
    {
        await using var service = await StartAsync();
        var failed = await service.FailAsync(_receiver);
        var delivered = await DeliverAsync(service);
        await using var page = await SignInAsync(service, failed);
        await HoldAnswersAsync(page, "/admin/requests");

        await FindAsync(page, "failed", answers: 1);
        await FindAsync(page, "delivered", answers: 2);
        await ReleaseAsync(page, 1);
        Assert.Equal([delivered], await ConsoleTests.RowsAsync(page, "found"));
        await ReleaseAsync(page, 0);
        Assert.Equal([delivered], await ConsoleTests.RowsAsync(page, "found"));
        await FindAsync(page, "failed", answers: 3);
        await page.ClickAsync($"#letters {ConsoleTests.Row(failed)} button[aria-label^=Discard]");
        await page.ShowsAsync("#confirm-text", $"Discard {failed}?");
        await SignOutAsync(page);
        await ReleaseAsync(page, 2);

        Assert.Equal("Signed out.", await page.TextAsync("#sign-in-problem"));
        Assert.Empty(await ConsoleTests.RowsAsync(page, "found"));
        Assert.Equal(0, (await page.EvaluateAsync("document.querySelectorAll('dialog[open]').length")).GetInt32());
    }

    /// <summary>Else the list would stay that of the search before, and its next page that of the new one.</summary>
    [Fact]
    public async Task SearchThatIsAnsweredAfterARequestWasShown_IsShown()
    {
        await using var service = await StartAsync();
        var failed = await service.FailAsync(_receiver);
        var delivered = await DeliverAsync(service);
        await using var page = await SignInAsync(service, failed);
        await HoldAnswersAsync(page, "/admin/requests");

        await FindAsync(page, "failed", answers: 1);
        await ReleaseAsync(page, 0);
        await FindAsync(page, "delivered", answers: 2);
        await page.ClickAsync($"#found {ConsoleTests.Row(failed)} button");
        await page.ShowsAsync("window.answers.length === 3");
        await ReleaseAsync(page, 2);
        await page.ShowsAsync("#request-title", failed);
        await ReleaseAsync(page, 1);

        Assert.Equal([delivered], await ConsoleTests.RowsAsync(page, "found"));
    }

    [Fact]
    public async Task SeveralChanges_EndWithTheSessionOfWhoBeganThem()
    {
        await using var service = await StartAsync();
        var first = await service.FailAsync(_receiver);
        var second = await service.FailAsync(_receiver);
        await using var page = await SignInAsync(service, second);
        await page.ClickAsync("#select-all");
        await page.ShowsAsync("#discard-selected", "Discard 2 selected…");
        await HoldAnswersAsync(page, "/admin/dead-letters/");

        await page.ClickAsync("#discard-selected");
        await page.ClickAsync("#confirm-yes");
        await page.ShowsAsync("window.answers.length === 1");
        await SignOutAsync(page);
        await SignInAsync(page, first);
        await ReleaseAsync(page, 0);

        Assert.Equal(1, (await page.EvaluateAsync("window.asked")).GetInt32());
        Assert.Equal([first], await ConsoleTests.RowsAsync(page, "letters"));
        Assert.Equal("", await page.TextAsync("#notice"));
    }

    /// <summary>Else one "yes" would answer both.</summary>
    [Fact]
    public async Task QuestionThatComesWhileAnotherIsOpen_IsNotAsked()
    {
        await using var service = await StartAsync();
        var failed = await service.FailAsync(_receiver);
        await using var page = await SignInAsync(service, failed);
        await HoldAnswersAsync(page, "/admin/dead-letters/preview");

        await page.ClickAsync("#redrive-all");
        await page.ShowsAsync("window.answers.length === 1");
        await page.ClickAsync($"#letters {ConsoleTests.Row(failed)} button[aria-label^=Discard]");
        await page.ShowsAsync("#confirm-text", $"Discard {failed}?");
        await ReleaseAsync(page, 0);
        Assert.StartsWith($"Discard {failed}?", await page.TextAsync("#confirm-text"), StringComparison.Ordinal);
        await page.ClickAsync("#confirm-yes");

        await page.ShowsAsync("#notice", "discarded");
        await page.ShowsAsync("#no-letters", "No dead letters.");
        await page.ShowsAsync("document.querySelectorAll('#actions tr').length === 1");
    }

    private static Task<RunningService> StartAsync() =>
        RunningService.StartAsync(settings =>
            settings.WithManagement(management => management with { Token = ConsoleTests.Token })
        );

    private async Task<string> DeliverAsync(RunningService service)
    {
        _receiver.RespondWith(HttpStatusCode.NoContent);
        var id = await service.AcceptAsync(_receiver.Url);
        await service.StateAsync(id, "delivered");
        return id;
    }

    private async Task<Page> SignInAsync(RunningService service, string letter)
    {
        var page = await ConsoleTests.OpenAsync(browser, service);
        await SignInAsync(page, letter);
        return page;
    }

    /// <param name="letter">The dead letter that is seen then.</param>
    private static async Task SignInAsync(Page page, string letter)
    {
        await page.TypeAsync("#token", ConsoleTests.Token);
        await page.PressAsync("Enter");
        await page.ShowsAsync($"#letters {ConsoleTests.Row(letter)}", "Discard");
    }

    // A dialog may cover the button.
    private static Task SignOutAsync(Page page) => page.EvaluateAsync("document.querySelector('#sign-out').click()");

    /// <summary>Keeps answers from the page, in <c>answers</c>, until they are released.</summary>
    /// <param name="path">How the paths begin that are asked for.</param>
    private static Task HoldAnswersAsync(Page page, string path) =>
        page.EvaluateAsync(
            $$"""
            (() => {
                const ask = window.fetch;
                window.answers = [];
                window.asked = 0;
                window.fetch = async (path, options) => {
                    const isHeld = path.startsWith('{{path}}');
                    if (isHeld)
                        window.asked++;
                    const answer = await ask(path, options);
                    if (!isHeld)
                        return answer;
                    const content = await answer.json();
                    await new Promise(resolve => window.answers.push(resolve));
                    return { ok: true, json: () => Promise.resolve(content) };
                };
            })()
            """
        );

    /// <summary>Gives the page an answer, and the time to act on it.</summary>
    private static async Task ReleaseAsync(Page page, int answer)
    {
        await page.EvaluateAsync(
            $"answers[{answer}](); window.isGiven = false; setTimeout(() => {{ window.isGiven = true; }})"
        );
        await page.ShowsAsync("window.isGiven");
    }

    private static async Task FindAsync(Page page, string state, int answers)
    {
        await page.ChooseAsync("#find-state", state);
        await page.ClickAsync("#find button[type=submit]");
        await page.ShowsAsync($"window.answers.length === {answers}");
    }
}
