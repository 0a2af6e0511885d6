using AkkaCharging.AddressPolicy;
using AkkaCharging.Pipeline.Stages;
using AkkaCharging.Testing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AkkaCharging.Tests.Pipeline.Stages;

[Trait("Category", "Unit")]
public sealed class ResourceGateTests : IDisposable
{
    private readonly SteppingTime _time = new();
    private readonly RecordingLogger _log = new();
    private readonly ResourceGate _gate;

    public ResourceGateTests() => _gate = new ResourceGate(_time, _log);

    public void Dispose() => _gate.Dispose();

    [Fact]
    public void NothingLacking_LetsPassAtOnce_WithoutATimer()
    {
        Assert.True(WaitAsync().IsCompleted);
        Assert.Equal(0, _time.Timers);
    }

    [Fact]
    public async Task Shortage_LetsOneGoFirst_ThenTwiceAsManyEachTime()
    {
        _gate.Report(LocalResource.Files);
        var waiting = Enumerable.Range(0, 10).Select(_ => WaitAsync()).ToList();

        Assert.DoesNotContain(waiting, task => task.IsCompleted);
        foreach (var gone in (int[])[1, 3, 7, 10])
        {
            _time.Advance(ResourceGate.ShortestWait);
            await Eventually.HoldsAsync(() => waiting.Count(task => task.IsCompleted) == gone, $"{gone} were let go");
        }
    }

    [Fact]
    public async Task OneThatComesBack_IsAProbeAlone_AndWaitsTwiceAsLongEachTimeUpToTheLongest()
    {
        _gate.Report(LocalResource.Files);
        var probe = WaitAsync();
        var others = Enumerable.Range(0, 7).Select(_ => WaitAsync()).ToList();
        _time.Advance(ResourceGate.ShortestWait);
        await probe;
        _gate.Report(LocalResource.Files);
        _ = WaitAsync(isAgain: true);
        var wait = ResourceGate.ShortestWait; // was set before it came back

        for (var gone = 1; gone <= 7; gone++) // the last two after the longest wait
        {
            _time.Advance(wait - TimeSpan.FromMilliseconds(1));
            Assert.Equal(gone - 1, others.Count(task => task.IsCompleted));
            _time.Advance(TimeSpan.FromMilliseconds(1));
            await Eventually.HoldsAsync(() => others.Count(task => task.IsCompleted) == gone, $"{gone} were let go");
            _gate.Report(LocalResource.Files);
            _ = WaitAsync(isAgain: true);
            wait = TimeSpan.FromMilliseconds(
                Math.Min(wait.TotalMilliseconds * 2, ResourceGate.LongestWait.TotalMilliseconds)
            );
        }
    }

    [Fact]
    public async Task SeveralThatComeBack_CountLikeOne()
    {
        _gate.Report(LocalResource.Files);
        var waiting = Enumerable.Range(0, 6).Select(_ => WaitAsync()).ToList();
        _time.Advance(ResourceGate.ShortestWait);
        _time.Advance(ResourceGate.ShortestWait);
        await Eventually.HoldsAsync(() => waiting.Count(task => task.IsCompleted) == 3, "one and two were let go");
        for (var i = 0; i < 2; i++)
        {
            _gate.Report(LocalResource.Files);
            waiting.Add(WaitAsync(isAgain: true));
        }

        _time.Advance(ResourceGate.ShortestWait); // was set before they came back
        await Eventually.HoldsAsync(() => waiting.Count(task => task.IsCompleted) == 4, "one is let go, as a probe");
        Assert.Equal(4, _gate.Status.Waiting);
        _time.Advance(ResourceGate.ShortestWait);
        Assert.Equal(4, _gate.Status.Waiting);
        _time.Advance(ResourceGate.ShortestWait);
        Assert.Equal(2, _gate.Status.Waiting);
    }

    [Fact]
    public async Task Expired_IsLetGo_BesideTheOneWhoseTurnItIs()
    {
        _gate.Report(LocalResource.Ports);
        var first = WaitAsync();
        var second = WaitAsync();
        var expired = _gate.WaitAsync(
            Sample.Decided(age: TimeSpan.FromMilliseconds(50)),
            isAgain: false,
            CancellationToken.None
        );

        _time.Advance(ResourceGate.ShortestWait);

        await Task.WhenAll(first, expired).WaitAsync(Eventually.Patience);
        Assert.False(second.IsCompleted);
    }

    [Fact]
    public async Task LaneThatStops_TakesItsOwnAlong()
    {
        using var stopping = new CancellationTokenSource();
        _gate.Report(LocalResource.Files);
        var stopped = _gate.WaitAsync(Sample.Decided(), isAgain: false, stopping.Token);
        var other = WaitAsync();

        await stopping.CancelAsync();
        await stopped.WaitAsync(Eventually.Patience);
        Assert.False(other.IsCompleted);

        _time.Advance(ResourceGate.ShortestWait);
        await other.WaitAsync(Eventually.Patience);
        Assert.Equal(0, _gate.Status.Waiting);
    }

    [Fact]
    public async Task OnesWhoseLaneStopped_UseUpNoTurn()
    {
        using var stopping = new CancellationTokenSource();
        _gate.Report(LocalResource.Files);
        for (var i = 0; i < 3; i++)
            _ = _gate.WaitAsync(Sample.Decided(age: TimeSpan.FromHours(1)), isAgain: false, stopping.Token);
        var others = Enumerable.Range(0, 4).Select(_ => WaitAsync()).ToList();
        await stopping.CancelAsync();

        _time.Advance(ResourceGate.ShortestWait);
        Assert.Equal(3, _gate.Status.Waiting);
        _time.Advance(ResourceGate.ShortestWait);
        Assert.Equal(1, _gate.Status.Waiting); // two, although four went before them

        await Eventually.HoldsAsync(() => others.Count(task => task.IsCompleted) == 3, "they were let go");
    }

    [Fact]
    public void Shortage_IsOver_WhenItsLastFailureIsTenSecondsAgo()
    {
        _gate.Report(LocalResource.Files);

        for (var passed = ResourceGate.ShortestWait; passed < ResourceGate.OverAfter; )
        {
            _time.Advance(ResourceGate.ShortestWait);
            Assert.NotNull(_gate.Status.Lacking);
            passed += ResourceGate.ShortestWait;
        }

        _time.Advance(ResourceGate.ShortestWait);
        Assert.Null(_gate.Status.Lacking);
    }

    [Fact]
    public void EachShortage_IsToldWithItsOwnFailures_OfWhateverResource()
    {
        Report((LocalResource.Files, 2), (LocalResource.Ports, 3));
        PassUntilItIsOver();
        Report((LocalResource.Files, 1), (LocalResource.Memory, 4));
        PassUntilItIsOver();

        Assert.Equal([1007, 1008, 1007, 1008], _log.Ids);
        Assert.Contains(": 5 connections could not be opened in 10 s", _log.Messages[1], StringComparison.Ordinal);
        Assert.Contains(": 5 connections could not be opened in 10 s", _log.Messages[3], StringComparison.Ordinal);
        Assert.Equal(3, _gate.Status.Failures["files"]);

        void Report(params (LocalResource Resource, int Times)[] failures)
        {
            foreach (var (resource, times) in failures)
            {
                for (var i = 0; i < times; i++)
                    _gate.Report(resource);
            }
        }

        void PassUntilItIsOver()
        {
            for (var passed = TimeSpan.Zero; passed < ResourceGate.OverAfter; passed += ResourceGate.ShortestWait)
                _time.Advance(ResourceGate.ShortestWait);
            Assert.Null(_gate.Status.Lacking);
        }
    }

    [Fact]
    public void Disposed_TakesNoMoreTurns()
    {
        _gate.Report(LocalResource.Files);
        var waiting = WaitAsync();

        _gate.Dispose();
        _time.Advance(ResourceGate.OverAfter);

        Assert.False(waiting.IsCompleted);
        Assert.Equal((1, 0), (_time.Disposed, _time.Fired));
    }

    [Fact]
    public void Shortage_IsToldOnce_AndOverTenSecondsAfterItsLastFailure()
    {
        for (var i = 0; i < 100; i++)
        {
            _gate.Report(i % 2 == 0 ? LocalResource.Files : LocalResource.Memory);
            _time.Advance(ResourceGate.ShortestWait);
        }

        Assert.Equal(LocalResource.Memory, _gate.Status.Lacking);
        Assert.Equal(
            (50, 0, 50),
            (_gate.Status.Failures["files"], _gate.Status.Failures["ports"], _gate.Status.Failures["memory"])
        );
        Assert.Equal([1007], _log.Ids);

        _time.Advance(ResourceGate.OverAfter - ResourceGate.ShortestWait - TimeSpan.FromMilliseconds(1));
        Assert.NotNull(_gate.Status.Lacking);
        for (var i = 0; i < 3; i++)
            _time.Advance(ResourceGate.ShortestWait);

        Assert.Null(_gate.Status.Lacking);
        Assert.Equal([1007, 1008], _log.Ids);
        Assert.Equal(_time.Timers, _time.Disposed);
        Assert.True(WaitAsync().IsCompleted);
    }

    private Task WaitAsync(bool isAgain = false) =>
        _gate.WaitAsync(Sample.Decided(age: TimeSpan.FromHours(1)), isAgain, CancellationToken.None);

    private sealed class RecordingLogger : ILogger<ResourceGate>
    {
        public List<int> Ids { get; } = [];

        public List<string> Messages { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => NullLogger.Instance.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            Ids.Add(eventId.Id);
            Messages.Add(formatter(state, exception));
        }
    }
}
