using AkkaCharging.DeadLetters;
using AkkaCharging.Journal;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.DeadLetters;

[Trait("Category", "Unit")]
public sealed class DeadLetterCountTests
{
    private readonly FakeTimeProvider _time = new(Sample.Now);
    private readonly DeadLetterCount _count;
    private TaskCompletionSource<long> _counted = new();
    private int _counts;

    public DeadLetterCountTests() =>
        _count = new(
            () =>
            {
                _counts++;
                return new(_counted.Task);
            },
            _time
        );

    [Fact]
    public async Task Letters_AreCountedOnceInFiveSeconds_HoweverOftenItIsAsked()
    {
        _counted.SetResult(1);
        Assert.Equal([1, 1], [await _count.LatestAsync(), await _count.LatestAsync()]);
        _counted = new();
        _counted.SetResult(2);
        _time.Advance(DeadLetterCount.Rest - TimeSpan.FromTicks(1));
        Assert.Equal((1, 1), (await _count.LatestAsync(), _counts));

        _time.Advance(TimeSpan.FromTicks(1));

        Assert.Equal((2, 2), (await _count.LatestAsync(), _counts));
    }

    [Fact]
    public async Task SlowCount_IsMadeOnce_WaitedForASecondTheFirstTimeAlone_AndRestsForLonger()
    {
        Task<long?>[] asked = [_count.LatestAsync().AsTask(), _count.LatestAsync().AsTask()];
        _time.Advance(DeadLetterCount.Patience);
        Assert.Equal([null, null], await Task.WhenAll(asked));
        _time.Advance(TimeSpan.FromSeconds(1));
        _counted.SetResult(7);
        await _count.Counting;
        _counted = new();
        _time.Advance((19 * TimeSpan.FromSeconds(2)) - TimeSpan.FromTicks(1)); // it took two seconds
        Assert.Equal((7, 1), (await _count.LatestAsync(), _counts));
        _time.Advance(TimeSpan.FromTicks(1));

        Assert.Equal((7, 2), (await _count.LatestAsync(), _counts)); // the one before, at once

        _counted.SetResult(8);
        await _count.Counting;
        Assert.Equal((8, 2), (await _count.LatestAsync(), _counts));
    }

    [Fact]
    public async Task JournalThatIsAway_LeavesTheCountBefore_AndIsAskedAgainAfterTheRest()
    {
        Assert.Null(await CountAsync(() => _counted.SetException(new JournalUnavailableException("disk full"))));
        Assert.Equal((null, 1), (await _count.LatestAsync(), _counts));
        Assert.Equal(3, await CountAsync(() => _counted.SetResult(3)));
        Assert.Equal(3, await CountAsync(() => _counted.SetException(new JournalUnavailableException("disk full"))));

        Assert.Equal((3, 3), (await _count.LatestAsync(), _counts));
    }

    private async Task<long?> CountAsync(Action result)
    {
        _counted = new();
        result();
        _time.Advance(DeadLetterCount.Rest);
        return await _count.LatestAsync();
    }
}
