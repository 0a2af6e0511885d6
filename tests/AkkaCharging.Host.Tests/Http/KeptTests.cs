using AkkaCharging.Host.Http;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Http;

[Trait("Category", "Unit")]
public sealed class KeptTests : IDisposable
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private readonly FakeTimeProvider _time = new();
    private readonly SemaphoreSlim _making = new(1);
    private int _made;

    public void Dispose() => _making.Dispose();

    [Fact]
    public async Task Response_IsKeptForItsLifetime_AndMadeAnew()
    {
        var kept = new Kept<string>(_making, Second, _time);
        Assert.Null(kept.Current);

        Assert.Equal("1", await kept.GetAsync(MakeAsync, default));
        _time.Advance(Second - TimeSpan.FromTicks(1));
        Assert.Equal(("1", "1"), (kept.Current, await kept.GetAsync(MakeAsync, default)));
        _time.Advance(TimeSpan.FromTicks(1));

        Assert.Null(kept.Current);
        Assert.Equal("2", await kept.GetAsync(MakeAsync, default));
    }

    [Fact]
    public async Task ResponseWithoutEnd_IsMadeOnce()
    {
        var kept = new Kept<string>(_making, Timeout.InfiniteTimeSpan, _time);

        Assert.Equal("1", await kept.GetAsync(MakeAsync, default));
        _time.Advance(TimeSpan.FromDays(365));

        Assert.Equal("1", await kept.GetAsync(MakeAsync, default));
    }

    [Fact]
    public async Task ManyAtOnce_WaitForTheOneThatMakesIt()
    {
        var kept = new Kept<string>(_making, Second, _time);
        var released = new TaskCompletionSource();

        var responses = Enumerable.Range(0, 100).Select(_ => kept.GetAsync(SlowlyAsync, default).AsTask()).ToList();
        Assert.DoesNotContain(responses, response => response.IsCompleted);
        released.SetResult();

        Assert.All(await Task.WhenAll(responses), response => Assert.Equal("1", response));
        Assert.Equal(1, _made);

        async Task<string> SlowlyAsync()
        {
            await released.Task;
            return await MakeAsync();
        }
    }

    [Fact]
    public async Task TwoOfOneTurn_AreMadeOneAfterTheOther()
    {
        var (first, second) = (new Kept<string>(_making, Second, _time), new Kept<string>(_making, Second, _time));
        var released = new TaskCompletionSource<string>();

        var slow = first.GetAsync(() => released.Task, default).AsTask();
        var waiting = second.GetAsync(MakeAsync, default).AsTask();
        Assert.Equal((false, 0), (waiting.IsCompleted, _made));
        released.SetResult("slow");

        Assert.Equal(("slow", "1"), (await slow, await waiting));
    }

    [Fact]
    public async Task Failure_IsNotKept_NorIsACancelledWait()
    {
        var kept = new Kept<string>(_making, Second, _time);
        using var cancelled = new CancellationTokenSource();
        var released = new TaskCompletionSource<string>();
        var failing = kept.GetAsync(() => released.Task, default).AsTask();
        var waiting = kept.GetAsync(MakeAsync, cancelled.Token).AsTask();

        await cancelled.CancelAsync();
        released.SetException(new InvalidOperationException());

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await Assert.ThrowsAsync<InvalidOperationException>(() => failing);
        Assert.Equal("1", await kept.GetAsync(MakeAsync, default));
    }

    private Task<string> MakeAsync() => Task.FromResult($"{++_made}");
}
