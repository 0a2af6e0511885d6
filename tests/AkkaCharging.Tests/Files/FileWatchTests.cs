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

        for (var poll = 0; poll < 2; poll++)
        {
            _time.Advance(FileWatch.PollInterval);
            await watch.Polling;
        }

        Assert.Equal([false], isOfPool);
    }
}
