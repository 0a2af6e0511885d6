using AkkaCharging.Files;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Files;

[Trait("Category", "Component")]
public sealed class FileWatchTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();
    private readonly FakeTimeProvider _time = new();

    public void Dispose() => File.Delete(_path);

    /// <summary>A share that hangs holds the thread that reads it, and the pool has few.</summary>
    [Fact]
    public async Task ChangedFile_IsRead_OnNoThreadOfThePool()
    {
        var isOfPool = new List<bool>();
        await using var watch = new FileWatch(
            _path,
            _time,
            () => new(() => isOfPool.Add(Thread.CurrentThread.IsThreadPoolThread))
        );
        watch.Start();
        File.WriteAllText(_path, "changed");

        await PollAsync(watch, times: 2);

        Assert.Equal([false], isOfPool);
    }

    /// <summary>What was read may be half of each version.</summary>
    [Fact]
    public async Task FileChangedWhileItIsRead_IsReadAgainAndNotReported()
    {
        var (read, applied) = (0, new List<int>());
        await using var watch = new FileWatch(
            _path,
            _time,
            () =>
            {
                var reading = ++read;
                if (reading == 1)
                    File.WriteAllText(_path, "changed again");
                return new(() => applied.Add(reading));
            }
        );
        watch.Start();
        File.WriteAllText(_path, "changed");

        await PollAsync(watch, times: 2);
        Assert.Equal((1, 0), (read, applied.Count));

        await PollAsync(watch, times: 3);
        Assert.Equal([2], applied);
    }

    private async Task PollAsync(FileWatch watch, int times)
    {
        for (var poll = 0; poll < times; poll++)
        {
            _time.Advance(FileWatch.PollInterval);
            await watch.Polling;
        }
    }
}
