using System.Globalization;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Callbacks;
using AkkaCharging.Testing;
using AkkaCharging.Tests.AddressPolicy;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Callbacks;

/// <summary>How the Retry-After header of a receiver on a real socket is read.</summary>
[Trait("Category", "Component")]
public sealed class RetryAfterTests : IDisposable
{
    private static readonly TimeSpan Patience = Eventually.Patience;
    private static readonly TimeSpan HourMax = TimeSpan.FromHours(1); // the most that maxRetryDelayMillis can be

    private readonly FakeTimeProvider _time = new(Sample.Now.AddMilliseconds(789));
    private readonly WebhookSigner _signer;

    public RetryAfterTests() => _signer = new(new([], "", Required: false), _time);

    public void Dispose() => _signer.Dispose();

    [Theory]
    [InlineData("7", 7d)]
    [InlineData("007", 7d)]
    [InlineData("86400", 86_400d)]
    [InlineData("0", null)]
    [InlineData("-5", null)]
    [InlineData("+5", null)]
    [InlineData("soon", null)]
    [InlineData("1.5", null)]
    [InlineData("7s", null)]
    [InlineData("0x7", null)]
    [InlineData("", null)]
    [InlineData(",", null)]
    public async Task Seconds_AreAWholeNumber(string value, double? seconds) =>
        Assert.Equal(seconds, (await ReadAsync($"Retry-After: {value}"))?.TotalSeconds);

    [Theory]
    [InlineData("2147483647")]
    [InlineData("2147483648")]
    [InlineData("4294967296")]
    [InlineData("9223372036854775808")]
    [InlineData("99999999999999999999")]
    public async Task LargeNumber_IsALongWait(string value) =>
        Assert.True(await ReadAsync($"Retry-After: {value}") > HourMax);

    [Fact]
    public async Task ThousandDigits_AreALongWait() =>
        Assert.True(await ReadAsync($"Retry-After: {new string('9', 1_000)}") > HourMax);

    [Theory]
    [InlineData("Retry-After: 7\r\nRetry-After: 30")]
    [InlineData("Retry-After: 7\r\nretry-after: soon")]
    [InlineData("Retry-After: -30\r\nRetry-After: 7")]
    [InlineData("Retry-After:\r\nRetry-After: 7\r\nRetry-After: 30")]
    [InlineData("Retry-After: 7, 30")]
    [InlineData("Retry-After: 7,7")]
    [InlineData("Retry-After: , soon, 7, 2147483648")]
    [InlineData("Retry-After: soon, 1.5\r\nRetry-After: -1, 7")]
    [InlineData("Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nRetry-After: Thu, 01 Jan 2026 00:00:07 GMT, 30")]
    [InlineData("Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nRetry-After: Thu, soon, Thu, 01 Jan 2026 00:00:07 GMT")]
    public async Task FirstValidValue_Counts(string headers) =>
        Assert.Equal(TimeSpan.FromSeconds(7), await ReadAsync(headers));

    [Fact]
    public async Task FirstValidValue_Counts_AlsoWhenItAsksForNoWait() =>
        Assert.Null(await ReadAsync("Retry-After: 0\r\nRetry-After: 7"));

    /// <summary>The clock of the receiver is decades behind.</summary>
    [Theory]
    [InlineData("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:07 GMT", 30d)]
    [InlineData("Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:50:07 GMT", 30d)]
    [InlineData("Sun, 06 Nov 1994 08:49:37 GMT", "Sun Nov  6 08:50:07 1994", 30d)]
    [InlineData("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", null)]
    [InlineData("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:36 GMT", null)]
    [InlineData("Sun, 06 Nov 1994 08:49:37 GMT", "7", 7d)]
    public async Task Date_IsComparedWithTheDateOfTheResponse(string date, string value, double? seconds) =>
        Assert.Equal(seconds, (await ReadAsync($"Date: {date}\r\nRetry-After: {value}"))?.TotalSeconds);

    [Theory]
    [InlineData("", 30, 29.211)]
    [InlineData("Date: yesterday\r\n", 30, 29.211)]
    [InlineData("", -3_600, null)]
    [InlineData("Date: yesterday\r\n", -3_600, null)]
    public async Task Date_IsComparedWithOurClock_WhenTheResponseHasNoValidDate(
        string headers,
        int afterSeconds,
        double? seconds
    )
    {
        var date = Sample.Now.AddMilliseconds(789).AddSeconds(afterSeconds).ToString("R", CultureInfo.InvariantCulture);

        Assert.Equal(seconds, (await ReadAsync($"{headers}Retry-After: {date}"))?.TotalSeconds);
    }

    private async Task<TimeSpan?> ReadAsync(string headers)
    {
        await using var receiver = RawReceiver.Answering(
            $"HTTP/1.1 503 Busy\r\n{headers}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        var connector = new VettedConnector(
            Policies.Allowing("127.0.0.1/32"),
            new ScriptedResolver(),
            TimeProvider.System,
            Patience
        );
        using var client = new CallbackClient(
            ResendingHandler.Create(connector, Patience),
            connector,
            _signer,
            Patience,
            _time
        );

        var result = await client
            .AttemptAsync(Sample.Request(receiver.Url), Sample.Decision(), CancellationToken.None)
            .WaitAsync(Patience);

        Assert.Equal((503, false), (result.Attempt.HttpStatus, result.IsFinal));
        return result.RetryAfter;
    }
}
