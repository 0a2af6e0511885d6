using AkkaCharging.Files;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Files;

[Trait("Category", "Component")]
public sealed class FileWatchTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();
    private readonly FakeTimeProvider _time = new();
    private readonly List<string> _reports = [];

    public void Dispose() => File.Delete(_path);

    /// <summary>A share that hangs holds the thread that reads it, and the pool has few.</summary>
    [Fact]
    public async Task ChangedFile_IsRead_OnNoThreadOfThePool()
    {
        var isOfPool = new List<bool>();
        using var watch = Watching(() => new(() => isOfPool.Add(Thread.CurrentThread.IsThreadPoolThread)));
        File.WriteAllText(_path, "changed");

        await PollAsync(watch, times: 2);

        Assert.Equal([false], isOfPool);
    }

    /// <summary>What was read may be half of each version.</summary>
    [Fact]
    public async Task FileChangedWhileItIsRead_IsReadAgainAndNotReported()
    {
        var (read, applied) = (0, new List<int>());
        using var watch = Watching(() =>
        {
            var reading = ++read;
            if (reading == 1)
                File.WriteAllText(_path, "changed again");
            return new(() => applied.Add(reading));
        });
        File.WriteAllText(_path, "changed");

        await PollAsync(watch, times: 2);
        Assert.Equal((1, 0), (read, applied.Count));

        await PollAsync(watch, times: 3);
        Assert.Equal([2], applied);
    }

    /// <summary>What was in force would stay so for good, and nobody would know.</summary>
    [Fact]
    public async Task FileThatChangesAtEachPoll_IsReportedOnce_AndReadWhenItStaysAsItIs()
    {
        var applied = 0;
        using var watch = Watching(() => new(() => applied++));
        for (var poll = 0; poll < 40; poll++)
        {
            Assert.Equal(poll > 30 ? 1 : 0, _reports.Count);
            File.WriteAllText(_path, new string('x', poll + 1));
            await PollAsync(watch, times: 1);
        }

        Assert.Equal(["it was not read, because it changed again and again for 30 s"], _reports);
        Assert.Equal(0, applied);
        await PollAsync(watch, times: 2);
        Assert.Equal((1, 1), (applied, _reports.Count));
    }

    /// <summary>
    /// A read of a dead mount never ends: it is reported, and holds up neither the next read nor a stop.
    /// </summary>
    [Fact]
    public async Task ReadThatHangs_IsReportedOnce_AndTheNextOneHasAnotherThread()
    {
        using var hangs = new ManualResetEventSlim();
        using var entered = new SemaphoreSlim(0);
        var (reads, applied) = (0, new List<int>());
        using var watch = Watching(() =>
        {
            var reading = Interlocked.Increment(ref reads);
            entered.Release();
            if (reading == 1)
                hangs.Wait();
            return new(() => applied.Add(reading));
        });
        File.WriteAllText(_path, "changed");

        await PollAsync(watch, times: 1);
        _time.Advance(FileWatch.PollInterval);
        await entered.WaitAsync();
        var hung = watch.Polling;
        _time.Advance(FileWatch.HungAfter - FileWatch.PollInterval);
        Assert.Empty(_reports);
        await PollAsync(watch, times: 3);

        Assert.Equal(["it was not read within 30 s; its disk or share hangs"], _reports);
        Assert.Equal([2], applied);

        hangs.Set();
        await hung;
        await PollAsync(watch, times: 3);
        Assert.Equal([2], applied);
    }

    [Fact]
    public async Task FileThatChangedDuringAReadThatHung_IsNotCalledRestless()
    {
        using var hangs = new ManualResetEventSlim();
        using var entered = new SemaphoreSlim(0);
        var reads = 0;
        using var watch = Watching(() =>
        {
            entered.Release();
            if (Interlocked.Increment(ref reads) == 1)
                hangs.Wait();
            return new(() => { });
        });
        File.WriteAllText(_path, "changed");
        await PollAsync(watch, times: 1);
        _time.Advance(FileWatch.PollInterval);
        await entered.WaitAsync();

        File.WriteAllText(_path, "changed once more");
        _time.Advance(FileWatch.HungAfter - FileWatch.PollInterval);
        await PollAsync(watch, times: 3);

        Assert.Equal(["it was not read within 30 s; its disk or share hangs"], _reports);
        Assert.Equal(2, reads);
        hangs.Set();
    }

    [Fact]
    public async Task ReadsThatHang_HaveABoundOfThreads_AndRecover()
    {
        using var hangs = new ManualResetEventSlim();
        using var entered = new SemaphoreSlim(0);
        var applied = 0;
        using var watch = Watching(() =>
        {
            entered.Release();
            hangs.Wait();
            return new(() => applied++);
        });
        File.WriteAllText(_path, "changed");

        await PollAsync(watch, times: 1);
        _time.Advance(FileWatch.PollInterval);
        for (var hung = 0; hung < FileWatch.HungMax; hung++)
        {
            await entered.WaitAsync();
            _time.Advance(FileWatch.HungAfter * (1 << hung));
        }

        await entered.WaitAsync();
        _time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(0, entered.CurrentCount);
        Assert.Single(_reports);

        hangs.Set();
        await watch.Polling;
        await PollAsync(watch, times: 1);
        Assert.Equal(1, applied);
    }

    [Fact]
    public async Task DisposedDuringARead_HasNoEffectAnyMore()
    {
        using var hangs = new ManualResetEventSlim();
        using var entered = new SemaphoreSlim(0);
        var applied = 0;
        var watch = Watching(() =>
        {
            entered.Release();
            hangs.Wait();
            return new(() => applied++);
        });
        File.WriteAllText(_path, "changed");
        await PollAsync(watch, times: 1);
        _time.Advance(FileWatch.PollInterval);
        await entered.WaitAsync();

        watch.Dispose();
        hangs.Set();
        await watch.Polling;

        Assert.Equal(0, applied);
    }

    private FileWatch Watching(Func<FileReading> read)
    {
        var watch = new FileWatch(_path, _time, read, _reports.Add);
        watch.ReadFirst(() => true);
        watch.Start();
        return watch;
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
