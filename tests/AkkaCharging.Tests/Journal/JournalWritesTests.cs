using AkkaCharging.Journal;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Unit")]
public sealed class JournalWritesTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task WritesAreRepeatedUntilTheJournalIsBack_AfterLongerAndLongerWaits()
    {
        var started = _time.GetTimestamp();
        var calls = new List<double>();
        var writing = JournalWrites.UntilWrittenAsync(Write, _time, default).AsTask();

        while (!writing.IsCompleted)
            _time.Advance(TimeSpan.FromMilliseconds(100));

        Assert.Equal("kept", await writing);
        Assert.Equal([0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3, 11.3, 16.3], calls.Select(at => Math.Round(at, 1)));

        ValueTask<string> Write(CancellationToken token)
        {
            calls.Add(_time.GetElapsedTime(started).TotalSeconds);
            return calls.Count < 9 ? throw new JournalUnavailableException("away") : new("kept");
        }
    }

    [Fact]
    public async Task Stop_EndsTheWait()
    {
        using var stopping = new CancellationTokenSource();
        var writing = JournalWrites
            .UntilWrittenAsync<int>(_ => throw new JournalUnavailableException("away"), _time, stopping.Token)
            .AsTask();

        await stopping.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing);
    }

    [Fact]
    public async Task AnotherError_IsNotRepeated()
    {
        var calls = 0;

        await Assert.ThrowsAsync<InvalidOperationException>(async () =>
            await JournalWrites.UntilWrittenAsync<int>(
                _ => ++calls > 0 ? throw new InvalidOperationException() : new(0),
                _time,
                default
            )
        );

        Assert.Equal(1, calls);
    }
}
