using AkkaCharging.Pipeline;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Pipeline;

[Trait("Category", "Unit")]
public sealed class AdmissionTests : IDisposable
{
    private readonly SteppingTime _time = new();
    private readonly ReceiverRegister _receivers;
    private int _next;

    // A share so large that the queue's size alone decides.
    public AdmissionTests() =>
        _receivers = new(
            SettingsLoader.Defaults.Callback,
            new(MaxSize: 1_000_000, ConsumerThreads: 1, DestinationShare: 1_000),
            _time
        );

    [Fact]
    public void AsManyAsThereArePlaces_Enter_AndAPlaceGivenBackIsTakenAgain()
    {
        var admission = new Admission(2, _receivers, _time);

        var first = Enter(admission);
        Assert.Equal(
            (AdmissionVerdict.Entered, AdmissionVerdict.QueueFull),
            (Enter(admission).Verdict, Enter(admission).Verdict)
        );
        Assert.Equal(2, admission.Pending);
        admission.Leave(first.Receiver!);
        Assert.Equal(1, admission.Pending);
        Assert.Equal(
            (AdmissionVerdict.Entered, AdmissionVerdict.QueueFull),
            (Enter(admission).Verdict, Enter(admission).Verdict)
        );
    }

    [Fact]
    public void ManyThreads_NeverTakeMoreThanThereAre()
    {
        var admission = new Admission(100, _receivers, _time);

        var entered = ParallelEnumerable
            .Range(0, 10_000)
            .Count(_ => Enter(admission).Verdict == AdmissionVerdict.Entered);

        Assert.Equal(100, entered);
        Assert.Equal(100, admission.Pending);
    }

    [Fact]
    public async Task RefusedAddress_KeepsItsPlace_AsLongAsANameThatDoesNotExist()
    {
        var admission = new Admission(10, _receivers, _time);
        var destination = Enter(admission).Receiver!;
        var refused = new PendingRequest(
            Sample.Request(),
            destination,
            _time,
            _time.GetTimestamp(),
            TimeSpan.FromMinutes(5)
        )
        {
            AttemptsMade = 1,
        };

        admission.LeaveAfterRetries(refused);

        _time.Advance(TimeSpan.FromSeconds(6.9)); // retries after 1, 2 and 4 s, each up to a fifth later
        // The wait's own timer is left.
        Assert.Equal((1, 1, 0), (admission.Pending, destination.Pending, _time.Disposed));
        _time.Advance(TimeSpan.FromSeconds(1.6));
        await Eventually.HoldsAsync(
            () => (admission.Pending, destination.Pending) == (0, 0),
            "the place is given back"
        );
    }

    [Fact]
    public async Task RefusedAddress_KeepsItsPlace_NoLongerThanItsAge()
    {
        var admission = new Admission(10, _receivers, _time);
        var refused = new PendingRequest(
            Sample.Request(),
            Enter(admission).Receiver!,
            _time,
            _time.GetTimestamp(),
            TimeSpan.FromSeconds(0.5)
        )
        {
            AttemptsMade = 1,
        };

        admission.LeaveAfterRetries(refused);

        _time.Advance(TimeSpan.FromSeconds(1.2)); // the first retry would have found it too old
        await Eventually.HoldsAsync(() => admission.Pending == 0, "the place is given back");
    }

    [Fact]
    public void RequestToABackloggedDestination_IsRefused_AndTakesNoPlace()
    {
        using var destinations = new ReceiverRegister(
            SettingsLoader.Defaults.Callback,
            new(MaxSize: 10, ConsumerThreads: 1, DestinationShare: 1),
            _time
        );
        var admission = new Admission(10, destinations, _time);

        var verdicts = Enumerable.Range(0, 4).Select(_ => admission.TryEnter(Key("a"), out var _, out var _)).ToList();

        // Half of the queue for those that have not answered, and half of that for one alone.
        Assert.Equal(
            [
                AdmissionVerdict.Entered,
                AdmissionVerdict.Entered,
                AdmissionVerdict.Entered,
                AdmissionVerdict.DestinationBacklogged,
            ],
            verdicts
        );
        Assert.Equal(3, admission.Pending);
        Assert.Equal(AdmissionVerdict.DestinationBacklogged, admission.TryEnter(Key("a"), out _, out var retryAfter));
        Assert.Equal(TimeSpan.FromSeconds(60), retryAfter);
        Assert.Equal(AdmissionVerdict.Entered, admission.TryEnter(Key("b"), out _, out _));
    }

    [Fact]
    public async Task RecoveredRequests_TakeAsManyPlacesAgain_WhateverTheirDestinationHolds()
    {
        var admission = new Admission(3, _receivers, _time);
        for (var i = 0; i < 3; i++)
            Assert.Equal(AdmissionVerdict.Entered, Enter(admission).Verdict);

        for (var i = 0; i < 3; i++)
            await admission.EnterRecoveredAsync(CancellationToken.None);
        var destination = admission.JoinRecovered(Key("a"), isRedriven: false);
        var fourth = admission.EnterRecoveredAsync(CancellationToken.None);

        Assert.Equal((6, false), (admission.Pending, fourth.IsCompleted));
        admission.LeaveRecovered(destination, isRedriven: false);
        await fourth.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task RedrivenRequests_TakeHalfOfThosePlaces_SoThatRecoveredOnesFindRoom()
    {
        var admission = new Admission(4, _receivers, _time);
        for (var i = 0; i < 2; i++)
            await admission.EnterRedrivenAsync(CancellationToken.None);
        var third = admission.EnterRedrivenAsync(CancellationToken.None);

        for (var i = 0; i < 2; i++)
            await admission.EnterRecoveredAsync(CancellationToken.None).WaitAsync(Eventually.Patience);

        Assert.False(third.IsCompleted);
        admission.LeaveRecovered(admission.JoinRedriven(Key("a")), isRedriven: true);
        await third.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task RedrivenRequests_OfAnEarlierProcess_CountAmongThem()
    {
        var admission = new Admission(4, _receivers, _time);
        for (var i = 0; i < 3; i++) // one more than half
        {
            await admission.EnterRecoveredAsync(CancellationToken.None);
            admission.JoinRecovered(Key("a"), isRedriven: true);
        }

        var next = admission.EnterRedrivenAsync(CancellationToken.None);
        admission.LeaveRecovered(joined: null, isRedriven: true);
        Assert.False(next.IsCompleted); // there are two yet
        admission.LeaveRecovered(joined: null, isRedriven: true);

        await next.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task RedriveThatIsGivenUp_WhileItWaits_KeepsNoPlace()
    {
        var admission = new Admission(2, _receivers, _time);
        await admission.EnterRecoveredAsync(CancellationToken.None);
        await admission.EnterRecoveredAsync(CancellationToken.None);
        using var hungUp = new CancellationTokenSource();
        var waiting = admission.EnterRedrivenAsync(hungUp.Token);

        await hungUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        admission.LeaveRecovered(joined: null, isRedriven: false);
        await admission.EnterRedrivenAsync(CancellationToken.None).WaitAsync(Eventually.Patience);
    }

    [Fact]
    public void Destination_HoldsNoMorePlacesThanItLeavesFree()
    {
        using var destinations = new ReceiverRegister(
            SettingsLoader.Defaults.Callback,
            new(MaxSize: 1_000_000, ConsumerThreads: 1, DestinationShare: 1),
            _time
        );
        var admission = new Admission(10, destinations, _time);

        for (var i = 0; i < 5; i++)
            Assert.Equal(AdmissionVerdict.Entered, admission.TryEnter(Key("a"), out _, out _));

        Assert.Equal(AdmissionVerdict.DestinationBacklogged, admission.TryEnter(Key("a"), out _, out _));
        Assert.Equal(5, admission.Pending);
    }

    [Fact]
    public void CallerOfAFullQueue_IsToldToComeBack_WhenHalfOfItHasLeft()
    {
        var admission = new Admission(10, _receivers, _time);
        var entered = Enumerable.Range(0, 10).Select(_ => Enter(admission).Receiver!).ToList();
        Assert.Equal(TimeSpan.FromSeconds(60), RetryAfter()); // nobody has left yet

        foreach (var receiver in entered.Take(4)) // one each second
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            admission.Leave(receiver);
            Assert.Equal(AdmissionVerdict.Entered, Enter(admission).Verdict);
        }

        Assert.Equal(TimeSpan.FromSeconds(5), RetryAfter());

        TimeSpan RetryAfter()
        {
            Assert.Equal(AdmissionVerdict.QueueFull, admission.TryEnter(Key("late"), out _, out var retryAfter));
            return retryAfter;
        }
    }

    [Fact]
    public async Task RecoveredRequestThatLeaves_NoLongerCountsAtItsDestination()
    {
        var admission = new Admission(3, _receivers, _time);
        await admission.EnterRecoveredAsync(CancellationToken.None);
        await admission.EnterRecoveredAsync(CancellationToken.None);
        var destination = admission.JoinRecovered(Key("a"), isRedriven: false);
        Assert.Equal((2, 1), (admission.Pending, destination.Pending));

        admission.LeaveRecovered(destination, isRedriven: false);
        Assert.Equal((1, 0), (admission.Pending, destination.Pending));
        admission.LeaveRecovered(joined: null, isRedriven: false); // it left before it joined
        Assert.Equal((0, 0), (admission.Pending, destination.Pending));
    }

    public void Dispose() => _receivers.Dispose();

    private static DestinationKey Key(string host) => new("http", host, 80);

    private (AdmissionVerdict Verdict, Receiver? Receiver) Enter(Admission admission) =>
        (admission.TryEnter(Key($"host-{Interlocked.Increment(ref _next)}"), out var receiver, out _), receiver);
}
