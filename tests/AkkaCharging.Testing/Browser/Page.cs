using System.Collections.Concurrent;
using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json;

namespace AkkaCharging.Testing.Browser;

/// <summary>
/// A tab, over the Chrome DevTools Protocol: what a person does with mouse and keyboard, and what the page shows and
/// complains of.
/// </summary>
internal sealed class Page : IAsyncDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private readonly ClientWebSocket _socket = new();
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonElement>> _calls = new();
    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly CancellationTokenSource _closing = new();
    private Task _reading = Task.CompletedTask;
    private int _lastCall;

    private Page() { }

    /// <summary>
    /// Uncaught errors, refusals by the content security policy, and what the page wrote to the console as an error.
    /// </summary>
    public IReadOnlyCollection<string> Complaints => _complaints;

    public static async Task<Page> ConnectAsync(Uri debugger)
    {
        var page = new Page();
        page._socket.Options.Proxy = null;
        await page._socket.ConnectAsync(debugger, CancellationToken.None).WaitAsync(Bound);
        page._reading = page.ReadAsync();
        foreach (var domain in (string[])["Page", "Runtime", "Log"])
            await page.CallAsync($"{domain}.enable");
        return page;
    }

    public async Task NavigateAsync(Uri address)
    {
        await CallAsync("Page.navigate", new { url = address.ToString() });
        await ShowsAsync("document.readyState === 'complete' && location.href !== 'about:blank'");
    }

    /// <summary>The value of a JavaScript expression, as JSON.</summary>
    public async Task<JsonElement> EvaluateAsync(string expression)
    {
        var answer = await CallAsync(
            "Runtime.evaluate",
            new
            {
                expression,
                returnByValue = true,
                awaitPromise = true,
            }
        );
        return answer.TryGetProperty("exceptionDetails", out var problem)
                ? throw new InvalidOperationException($"{expression}: {problem}")
            : answer.GetProperty("result").TryGetProperty("value", out var value) ? value
            : default;
    }

    /// <summary>What one element says.</summary>
    public async Task<string> TextAsync(string selector) =>
        (await EvaluateAsync($"document.querySelector({Quoted(selector)})?.innerText ?? ''")).GetString()!;

    /// <summary>Waits until a JavaScript expression is true.</summary>
    public async Task ShowsAsync(string expression)
    {
        try
        {
            await Eventually.HoldsAsync(
                async () => (await EvaluateAsync(expression)).ValueKind == JsonValueKind.True,
                expression,
                Bound
            );
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}\n{await TextAsync("body")}\n{string.Join('\n', Complaints)}", e);
        }
    }

    /// <summary>Waits until one element says something that contains <paramref name="text"/>.</summary>
    public Task ShowsAsync(string selector, string text) =>
        ShowsAsync($"(document.querySelector({Quoted(selector)})?.innerText ?? '').includes({Quoted(text)})");

    /// <summary>Presses the mouse on the middle of an element that is seen and can be used.</summary>
    public Task ClickAsync(string selector) => MouseAsync(selector, "mousePressed", "mouseReleased");

    /// <summary>Moves the mouse to the middle of an element.</summary>
    public Task PointAsync(string selector) => MouseAsync(selector, "mouseMoved");

    private async Task MouseAsync(string selector, params IReadOnlyList<string> types)
    {
        await ShowsAsync(
            $"{{ const e = document.querySelector({Quoted(selector)}); "
                + "e !== null && !e.disabled && e.checkVisibility() }"
        );
        var middle = await EvaluateAsync(
            $$"""
            (() => {
                const e = document.querySelector({{Quoted(selector)}});
                e.scrollIntoView({ block: 'center' });
                const r = e.getBoundingClientRect();
                return [r.x + r.width / 2, r.y + r.height / 2];
            })()
            """
        );
        foreach (var type in types)
            await CallAsync(
                "Input.dispatchMouseEvent",
                new
                {
                    type,
                    x = middle[0].GetDouble(),
                    y = middle[1].GetDouble(),
                    button = type == "mouseMoved" ? "none" : "left",
                    clickCount = type == "mouseMoved" ? 0 : 1,
                }
            );
    }

    /// <summary>Writes into a field that is focused by a click.</summary>
    public async Task TypeAsync(string selector, string text)
    {
        await ClickAsync(selector);
        await EvaluateAsync($"document.querySelector({Quoted(selector)}).select()");
        await CallAsync("Input.insertText", new { text });
    }

    /// <summary>Chooses from a list by the value of one of its options.</summary>
    public async Task ChooseAsync(string selector, string value)
    {
        await ShowsAsync($"document.querySelector({Quoted(selector)})?.checkVisibility()");
        await EvaluateAsync($"document.querySelector({Quoted(selector)}).value = {Quoted(value)}");
        await ShowsAsync($"document.querySelector({Quoted(selector)}).value === {Quoted(value)}");
    }

    /// <summary>Presses a key such as <c>Tab</c>, <c>Enter</c> or <c>Escape</c>.</summary>
    public async Task PressAsync(string key)
    {
        var (code, text) = key switch
        {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            _ => throw new ArgumentOutOfRangeException(nameof(key)),
        };
        await CallAsync(
            "Input.dispatchKeyEvent",
            new
            {
                type = "keyDown",
                key,
                code = key,
                windowsVirtualKeyCode = code,
                text,
            }
        );
        await CallAsync(
            "Input.dispatchKeyEvent",
            new
            {
                type = "keyUp",
                key,
                code = key,
                windowsVirtualKeyCode = code,
            }
        );
    }

    /// <param name="scheme"><c>light</c> or <c>dark</c>.</param>
    /// <param name="width">Of the window, in CSS pixels.</param>
    public async Task LookAsync(string scheme, int width)
    {
        await CallAsync(
            "Emulation.setEmulatedMedia",
            new { features = new[] { new { name = "prefers-color-scheme", value = scheme } } }
        );
        await CallAsync(
            "Emulation.setDeviceMetricsOverride",
            new
            {
                width,
                height = 900,
                deviceScaleFactor = 1,
                mobile = width < 600,
            }
        );
    }

    /// <summary>The whole page as a PNG.</summary>
    public async Task<byte[]> ScreenshotAsync() =>
        (await CallAsync("Page.captureScreenshot", new { format = "png", captureBeyondViewport = true }))
            .GetProperty("data")
            .GetBytesFromBase64();

    public async ValueTask DisposeAsync()
    {
        await CallAsync("Page.close");
        await _closing.CancelAsync();
        await _reading;
        _socket.Dispose();
        _closing.Dispose();
    }

    private static string Quoted(string text) => JsonSerializer.Serialize(text);

    private async Task<JsonElement> CallAsync(string method, object? parameters = null)
    {
        var id = Interlocked.Increment(ref _lastCall);
        var answered = _calls[id] = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await _socket.SendAsync(
            JsonSerializer.SerializeToUtf8Bytes(
                new
                {
                    id,
                    method,
                    @params = parameters ?? new { },
                }
            ),
            WebSocketMessageType.Text,
            endOfMessage: true,
            CancellationToken.None
        );
        var answer = await answered.Task.WaitAsync(Bound);
        return answer.TryGetProperty("error", out var error)
            ? throw new InvalidOperationException($"{method}: {error}")
            : answer.GetProperty("result");
    }

    private async Task ReadAsync()
    {
        try
        {
            var buffer = new byte[64 * 1_024];
            while (true)
            {
                using var message = new MemoryStream();
                ValueWebSocketReceiveResult part;
                do
                {
                    part = await _socket.ReceiveAsync(buffer.AsMemory(), _closing.Token);
                    message.Write(buffer, 0, part.Count);
                } while (!part.EndOfMessage);
                if (part.MessageType == WebSocketMessageType.Close)
                    return;
                Take(JsonDocument.Parse(message.ToArray()).RootElement);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException)
        {
            // The tab is closed.
        }
        finally
        {
            foreach (var call in _calls.Values)
                call.TrySetException(new InvalidOperationException("The tab is closed."));
        }
    }

    private void Take(JsonElement message)
    {
        if (message.TryGetProperty("id", out var id))
        {
            if (_calls.TryRemove(id.GetInt32(), out var call))
                call.SetResult(message);
            return;
        }

        var parameters = message.GetProperty("params");
        switch (message.GetProperty("method").GetString())
        {
            case "Runtime.exceptionThrown":
                _complaints.Enqueue(parameters.GetProperty("exceptionDetails").ToString());
                break;
            case "Runtime.consoleAPICalled" when parameters.GetProperty("type").GetString() == "error":
                _complaints.Enqueue(parameters.GetProperty("args").ToString());
                break;
            case "Log.entryAdded" when parameters.GetProperty("entry").GetProperty("level").GetString() == "error":
                var entry = parameters.GetProperty("entry");
                _complaints.Enqueue(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{entry.GetProperty("source")}: {entry.GetProperty("text")} "
                            + $"{(entry.TryGetProperty("url", out var url) ? url : default)}"
                    )
                );
                break;
        }
    }
}
