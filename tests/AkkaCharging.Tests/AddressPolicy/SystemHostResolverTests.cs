using System.Net;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.AddressPolicy;

[Trait("Category", "Component")]
public sealed class SystemHostResolverTests : IDisposable
{
    private const string Healthy = "hooks.example.com";
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(3);

    private readonly FakeTimeProvider _time = new();
    private readonly BlockableLookup _lookup = new();
    private readonly SystemHostResolver _resolver;

    public SystemHostResolverTests() => _resolver = Resolver(threads: 4, capacity: 8);

    public void Dispose()
    {
        _resolver.Dispose();
        _lookup.Dispose();
    }

    [Fact]
    public async Task Name_IsLookedUpAfresh_EachTime_OffTheThreadPool()
    {
        for (var i = 0; i < 3; i++)
            Assert.Equal(_lookup.Answer, await ResolveAsync(Healthy));

        Assert.Equal(3, _lookup.Asked.Count);
        Assert.All(_lookup.Threads, thread => Assert.False(thread.IsThreadPoolThread));
    }

    [Fact]
    public async Task ManyCallers_ShareOneLookUp()
    {
        var callers = Enumerable.Range(0, 50).Select(_ => ResolveAsync(BlockableLookup.Silent(0))).ToList();
        await _lookup.OneBlockedAsync();
        callers.Add(ResolveAsync(BlockableLookup.Silent(0).ToUpperInvariant()));

        _lookup.BreakSilence();
        var answers = await Task.WhenAll(callers);

        Assert.All(answers, answer => Assert.Equal(_lookup.Answer, answer));
        Assert.Single(_lookup.Asked);
    }

    [Theory]
    [InlineData("none.example.com", NameResolutionFailure.NotFound)]
    [InlineData("empty.example.com", NameResolutionFailure.NotFound)]
    [InlineData("bug.example.com", NameResolutionFailure.NotFound)]
    [InlineData("again.example.com", NameResolutionFailure.TimedOut)]
    public async Task FailedName_FailsAtOnce_UntilItIsForgotten(string host, object kind)
    {
        Assert.Equal((NameResolutionFailure)kind, await FailureAsync(host));
        _time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.Equal((NameResolutionFailure)kind, await FailureAsync(host));
        Assert.Single(_lookup.Asked);

        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal((NameResolutionFailure)kind, await FailureAsync(host));
        Assert.Equal(2, _lookup.Asked.Count);
    }

    [Fact]
    public async Task SilentName_TimesOut_AndThenFailsAtOnce_AndHoldsOneThreadOnly()
    {
        var first = FailureAsync(BlockableLookup.Silent(0));
        await _lookup.OneBlockedAsync();
        _time.Advance(Timeout);
        Assert.Equal(NameResolutionFailure.TimedOut, await first);
        Assert.Equal(NameResolutionFailure.TimedOut, await FailureAsync(BlockableLookup.Silent(0)));

        // Its failure is forgotten while its thread is still blocked: the next caller joins the look-up that is under
        // way.
        _time.Advance(TimeSpan.FromSeconds(5));
        var second = ResolveAsync(BlockableLookup.Silent(0));
        _lookup.BreakSilence();

        Assert.Equal(_lookup.Answer, await second);
        Assert.Single(_lookup.Asked);
    }

    [Fact]
    public async Task LateAnswer_EndsTheFailureOfItsName()
    {
        using var resolver = Resolver(threads: 2, capacity: 8);
        var silent = BlockableLookup.Silent(0);
        var first = FailureAsync(silent, resolver);
        await _lookup.OneBlockedAsync();
        _time.Advance(Timeout);
        Assert.Equal(NameResolutionFailure.TimedOut, await first);

        // The only thread for new names takes this one after it has delivered the late answer.
        _lookup.BreakSilence();
        await resolver.ResolveAsync("hooks.new.org", CancellationToken.None);

        Assert.Equal(_lookup.Answer, await resolver.ResolveAsync(silent, CancellationToken.None));
    }

    [Theory]
    [InlineData(true, 0, NameResolutionFailure.OutOfFiles)]
    [InlineData(false, 24, NameResolutionFailure.OutOfFiles)] // EMFILE, and there are files again
    [InlineData(false, 0, NameResolutionFailure.Overloaded)]
    public async Task HostsFileThatCannotBeRead_IsNotHeldAgainstTheName(bool areFilesOut, int error, object kind)
    {
        var asked = 0;
        using var resolver = new SystemHostResolver(
            _time,
            new()
            {
                Lookup = _ =>
                {
                    Interlocked.Increment(ref asked);
                    throw new IOException("The hosts file cannot be opened.", error);
                },
                AreFilesOut = () => areFilesOut,
            }
        );

        for (var calls = 1; calls <= 2; calls++)
        {
            Assert.Equal(
                (NameResolutionFailure?)kind,
                await resolver.FindFailureAsync(Healthy, CancellationToken.None)
            );
            Assert.Equal(calls, Volatile.Read(ref asked));
        }
    }

    [Fact]
    public async Task FloodOfSilentNames_InOneZone_LeavesEveryOtherNameAlone_AndFailsFast()
    {
        await ResolveAsync(Healthy);
        var flood = new List<Task<NameResolutionFailure>> { FailureAsync(BlockableLookup.SilentNeighbour(0)) };
        await _lookup.OneBlockedAsync();
        flood.AddRange(Enumerable.Range(1, 9_999).Select(i => FailureAsync(BlockableLookup.SilentNeighbour(i))));

        // One holds a thread, four wait (half of the queue), the others were turned away at once.
        Assert.Equal(9_995, flood.Count(failure => failure.IsCompleted));
        for (var i = 0; i < 100; i++)
        {
            await ResolveAsync(Healthy);
            await ResolveAsync($"hooks.new{i}.org");
        }

        _time.Advance(Timeout);
        var failures = await Task.WhenAll(flood);
        Assert.Equal(1, failures.Count(failure => failure == NameResolutionFailure.TimedOut));
        Assert.Equal(9_999, failures.Count(failure => failure == NameResolutionFailure.Overloaded));
        Assert.Equal(1 + 1 + 200, _lookup.Asked.Count);
    }

    [Fact]
    public async Task FloodOfSilentZones_LeavesKnownNamesAlone()
    {
        await ResolveAsync(Healthy);
        var flood = Enumerable.Range(0, 2).Select(i => FailureAsync(BlockableLookup.Silent(i))).ToList();
        await _lookup.OneBlockedAsync();
        await _lookup.OneBlockedAsync();
        flood.AddRange(Enumerable.Range(2, 98).Select(i => FailureAsync(BlockableLookup.Silent(i))));

        // Two hold their threads, eight wait, the others were turned away at once.
        Assert.Equal(90, flood.Count(failure => failure.IsCompleted));
        for (var i = 0; i < 100; i++)
            Assert.Equal(_lookup.Answer, await ResolveAsync(Healthy));

        _time.Advance(Timeout);
        var failures = await Task.WhenAll(flood);
        Assert.Equal(2, failures.Count(failure => failure == NameResolutionFailure.TimedOut));
        Assert.Equal(98, failures.Count(failure => failure == NameResolutionFailure.Overloaded));

        // The names in the queue have no waiting callers any more, so the next name comes first.
        var next = ResolveAsync("hooks.new.org");
        _lookup.BreakSilence();
        await next;
        Assert.Equal(1 + 2 + 100 + 1, _lookup.Asked.Count);
    }

    [Fact]
    public async Task NamesOfOneZone_AreAskedOneAfterTheOther()
    {
        var neighbours = Enumerable.Range(0, 4).Select(i => ResolveAsync(BlockableLookup.SilentNeighbour(i))).ToList();
        await _lookup.OneBlockedAsync();
        await ResolveAsync("hooks.new.org");
        Assert.Equal(2, _lookup.Asked.Count);

        _lookup.BreakSilence();
        await Task.WhenAll(neighbours);

        Assert.Equal(5, _lookup.Asked.Count);
    }

    /// <summary>Its owner would otherwise hold a thread for each name below it.</summary>
    [Fact]
    public async Task NamesBelowAShortDomain_AreOfOneZone()
    {
        var neighbours = Enumerable.Range(0, 4).Select(i => ResolveAsync($"silent{i}.abc.io")).ToList();
        await _lookup.OneBlockedAsync();
        await ResolveAsync("hooks.new.org");
        Assert.Equal(2, _lookup.Asked.Count);

        _lookup.BreakSilence();
        await Task.WhenAll(neighbours);
    }

    [Theory]
    [InlineData("co.uk")]
    [InlineData("com.br")]
    public async Task SilentZone_BelowASharedSuffix_LeavesTheOtherZonesThereAlone(string suffix)
    {
        var neighbours = Enumerable.Range(0, 2).Select(i => ResolveAsync($"n{i}.silent.{suffix}")).ToList();
        await _lookup.OneBlockedAsync();
        await ResolveAsync($"hooks.example.{suffix}").WaitAsync(Eventually.Patience);
        Assert.Equal(2, _lookup.Asked.Count);

        _lookup.BreakSilence();
        await Task.WhenAll(neighbours);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task KnownName_ThatFallsSilent_LosesItsReservedThread(bool isCallerCancelled)
    {
        using var resolver = Resolver(threads: 2, capacity: 8);
        var fallen = BlockableLookup.Silent(0);
        _lookup.BreakSilence();
        await resolver.ResolveAsync(Healthy, CancellationToken.None);
        await resolver.ResolveAsync(fallen, CancellationToken.None);

        // Times out, and is answered late, to a caller who came later. The cancellation is noticed first, but when the
        // time-out is over, too.
        _lookup.FallSilent();
        using var cancelled = isCallerCancelled
            ? new CancellationTokenSource(Timeout - TimeSpan.FromMilliseconds(1), _time)
            : new CancellationTokenSource();
        var first = resolver.ResolveAsync(fallen, cancelled.Token);
        await _lookup.OneBlockedAsync();
        _time.Advance(Timeout);
        if (isCallerCancelled)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        else
            Assert.Equal(
                NameResolutionFailure.TimedOut,
                (await Assert.ThrowsAsync<NameResolutionException>(() => first)).Kind
            );
        _time.Advance(TimeSpan.FromSeconds(5));
        var late = resolver.ResolveAsync(fallen, CancellationToken.None);
        _lookup.BreakSilence();
        await late;

        // With the thread for other names blocked it has to wait, while the reserved one continues to serve names in
        // good standing.
        _lookup.FallSilent();
        var blocked = resolver.ResolveAsync(BlockableLookup.Silent(1), CancellationToken.None);
        await _lookup.OneBlockedAsync();
        var waiting = resolver.ResolveAsync(fallen, CancellationToken.None);
        await resolver.ResolveAsync(Healthy, CancellationToken.None).WaitAsync(Eventually.Patience);
        Assert.Equal(2, _lookup.Asked.Count(host => string.Equals(host, fallen, StringComparison.Ordinal)));

        _lookup.BreakSilence();
        await Task.WhenAll(blocked, waiting);
    }

    [Fact]
    public async Task KnownName_ThatIsRemoved_LosesItsReservedThread()
    {
        const string Removed = "removed.example.com";
        using var resolver = Resolver(threads: 2, capacity: 8);
        await resolver.ResolveAsync(Healthy, CancellationToken.None);
        await resolver.ResolveAsync(Removed, CancellationToken.None);
        _lookup.Removed = Removed;
        Assert.Equal(NameResolutionFailure.NotFound, await FailureAsync(Removed, resolver));
        _time.Advance(TimeSpan.FromSeconds(5));

        var blocked = resolver.ResolveAsync(BlockableLookup.Silent(0), CancellationToken.None);
        await _lookup.OneBlockedAsync();
        var waiting = FailureAsync(Removed, resolver);
        await resolver.ResolveAsync(Healthy, CancellationToken.None);
        Assert.Equal(2, _lookup.Asked.Count(host => string.Equals(host, Removed, StringComparison.Ordinal)));

        _lookup.BreakSilence();
        await Task.WhenAll(blocked, waiting);
    }

    [Theory]
    [InlineData("none.example.com", NameResolutionFailure.NotFound)]
    [InlineData("again.example.com", NameResolutionFailure.TimedOut)]
    [InlineData(Healthy, null)]
    public async Task FindFailure_TellsWithoutAnException_WhyANameHasNoAddress(string host, object? kind)
    {
        Assert.Equal((NameResolutionFailure?)kind, await _resolver.FindFailureAsync(host, CancellationToken.None));
        Assert.Single(_lookup.Asked);
    }

    [Fact]
    public async Task FindFailure_AsksNobody_AboutANameThatMayStillHaveAConnection()
    {
        var fallen = BlockableLookup.Silent(0);
        _lookup.BreakSilence();
        await ResolveAsync(fallen);
        _lookup.FallSilent();

        _time.Advance(CallbackHttpHandler.ConnectionLifetime + TimeSpan.FromSeconds(59));
        Assert.Null(await _resolver.FindFailureAsync(fallen, CancellationToken.None));
        Assert.Single(_lookup.Asked);

        _time.Advance(TimeSpan.FromSeconds(1));
        var asked = _resolver.FindFailureAsync(fallen, CancellationToken.None);
        await _lookup.OneBlockedAsync();
        _time.Advance(Timeout);
        Assert.Equal(NameResolutionFailure.TimedOut, await asked);
    }

    [Fact]
    public async Task CancelledCaller_LeavesTheOthersWaiting()
    {
        using var cancelled = new CancellationTokenSource();
        var silent = BlockableLookup.Silent(0);
        var impatient = _resolver.ResolveAsync(silent, cancelled.Token);
        var patient = ResolveAsync(silent);
        await _lookup.OneBlockedAsync();

        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient);
        _lookup.BreakSilence();

        Assert.Equal(_lookup.Answer, await patient);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _resolver.ResolveAsync(silent, cancelled.Token));
    }

    [Fact]
    public async Task CancelledCaller_WhoseNameStillWaits_TakesItOutOfTheQueue()
    {
        using var cancelled = new CancellationTokenSource();
        var blocked = Enumerable.Range(0, 2).Select(i => ResolveAsync(BlockableLookup.Silent(i))).ToList();
        await _lookup.OneBlockedAsync();
        await _lookup.OneBlockedAsync();
        var patient = ResolveAsync("patient.example.com");
        var waiting = _resolver.ResolveAsync("waiting.example.com", cancelled.Token);
        var impatient = _resolver.ResolveAsync("patient.example.com", cancelled.Token);

        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient);
        _lookup.BreakSilence();
        await Task.WhenAll(blocked.Append(patient));

        Assert.DoesNotContain("waiting.example.com", _lookup.Asked);
        Assert.Contains("patient.example.com", _lookup.Asked);

        await ResolveAsync("waiting.example.com").WaitAsync(Eventually.Patience);
        Assert.Contains("waiting.example.com", _lookup.Asked);
    }

    [Fact]
    public async Task Disposed_FailsWhoeverWaits_AndEndsItsThreads()
    {
        await ResolveAsync(Healthy);
        var waiting = ResolveAsync(BlockableLookup.Silent(0));
        await _lookup.OneBlockedAsync();

        _resolver.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => ResolveAsync(Healthy));

        _lookup.BreakSilence();
        Assert.All(_lookup.Threads, thread => Assert.True(thread.Join(TimeSpan.FromSeconds(30))));
    }

    [Fact]
    public async Task DotAtTheEnd_MakesNoOtherName()
    {
        await FailureAsync("none.example.com.");

        Assert.Equal(
            NameResolutionFailure.NotFound,
            await _resolver.FindFailureAsync("none.example.com", CancellationToken.None)
        );
        Assert.Equal(["none.example.com"], _lookup.Asked); // the second one was remembered
    }

    [Fact]
    public void OneThread_IsTooFew() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Resolver(threads: 1, capacity: 1));

    [Fact]
    public async Task SystemResolver_IsTheDefault()
    {
        using var resolver = new SystemHostResolver(TimeProvider.System);

        Assert.All(
            await resolver.ResolveAsync("localhost", CancellationToken.None),
            address => Assert.True(IPAddress.IsLoopback(address))
        );
    }

    private SystemHostResolver Resolver(int threads, int capacity) =>
        new(
            _time,
            new()
            {
                Threads = threads,
                QueueCapacity = capacity,
                Timeout = Timeout,
                FailureLifetime = TimeSpan.FromSeconds(5),
                Lookup = _lookup.Find,
            }
        );

    private Task<IReadOnlyList<IPAddress>> ResolveAsync(string host) =>
        _resolver.ResolveAsync(host, CancellationToken.None);

    private async Task<NameResolutionFailure> FailureAsync(string host, SystemHostResolver? resolver = null) =>
        (
            await Assert.ThrowsAsync<NameResolutionException>(() =>
                (resolver ?? _resolver).ResolveAsync(host, CancellationToken.None)
            )
        ).Kind;
}
