using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline.Lanes;

/// <summary>The requests of a lane, and the places that they give back.</summary>
[Trait("Category", "Unit")]
public sealed class LaneTests : IDisposable
{
    private readonly FakeTimeProvider _time = new(Sample.Now);
    private readonly ReceiverRegister _receivers;
    private readonly Admission _admission;
    private readonly Lane _lane;

    public LaneTests()
    {
        _receivers = new(SettingsLoader.Defaults.Callback, SettingsLoader.Defaults.Queue, _time);
        _admission = new(10, _receivers, _time);
        _lane = new(0, _admission);
    }

    [Fact]
    public void RequestThatIsAddedTwice_IsHeldOnce()
    {
        var pending = Admitted();

        Assert.True(_lane.TryAdd(pending));
        Assert.False(_lane.TryAdd(pending));

        Assert.True(_lane.Holds(pending.Request.Id));
        Assert.Single(_lane.Pending);
    }

    [Fact]
    public void SettledRequest_GivesItsPlaceBack_Once()
    {
        var pending = Admitted();
        _lane.TryAdd(pending);

        Assert.False(_lane.Complete(CallbackReceipt.Interrupted(pending)));
        Assert.Equal(1, _admission.Pending);
        Assert.True(_lane.Complete(Settled(pending)));
        Assert.False(_lane.Complete(Settled(pending)));

        Assert.Equal((0, 0), (_admission.Pending, pending.Receiver.Pending));
        Assert.False(_lane.Holds(pending.Request.Id));
    }

    /// <summary>Otherwise a caller could tell it from a name that does not exist.</summary>
    [Fact]
    public void RequestToARefusedAddress_KeepsItsPlaceForItsRetries()
    {
        var pending = Admitted();
        _lane.TryAdd(pending);

        Assert.True(_lane.Complete(Settled(pending, AttemptCause.AddressRefused)));

        Assert.Equal((1, 1), (_admission.Pending, pending.Receiver.Pending));
        Assert.Empty(_lane.Pending);
    }

    [Fact]
    public async Task RecoveredRequest_GivesAPlaceForRecoveredOnesBack()
    {
        for (var i = 0; i < 10; i++)
            await _admission.EnterRecoveredAsync(CancellationToken.None);
        var next = _admission.EnterRecoveredAsync(CancellationToken.None);
        var unsettled = new UnsettledRequest(Sample.Request(), Sample.Decision(), AttemptsMade: 0);
        var receiver = _admission.JoinRecovered(unsettled.Request.Callback.Destination, isRedriven: false);
        var pending = PendingRequest.FromJournal(unsettled, receiver, _time);
        _lane.TryAdd(pending);
        Assert.False(next.IsCompleted);

        _lane.Complete(Settled(pending));

        await next.WaitAsync(Eventually.Patience);
        Assert.Equal(0, receiver.Pending);
    }

    [Fact]
    public void LaneThatIsGivenUp_HoldsNothing_AndNoPlaces()
    {
        PendingRequest[] held = [Admitted(), Admitted()];
        foreach (var pending in held)
            _lane.TryAdd(pending);
        _time.Advance(TimeSpan.FromSeconds(7));
        Assert.Equal(TimeSpan.FromSeconds(7), _lane.OldestAge);

        _lane.GiveUp();

        Assert.Empty(_lane.Pending);
        Assert.Equal(TimeSpan.Zero, _lane.OldestAge);
        Assert.Equal((0, 0), (_admission.Pending, held[0].Receiver.Pending));
    }

    /// <summary>A submission found the lane just before it moved; the next holder reads it from the journal.</summary>
    [Fact]
    public void LaneThatIsGivenUp_TakesNothing()
    {
        _lane.GiveUp();

        Assert.False(_lane.TryAdd(Admitted()));

        Assert.Empty(_lane.Pending);
        Assert.Equal(TimeSpan.Zero, _lane.OldestAge);
    }

    [Fact]
    public void RequestThatHasMoved_GivesItsPlaceBack_Once()
    {
        var pending = Admitted();
        _lane.TryAdd(pending);
        pending.Moved = new(pending.Request.Id, isGone: false);

        Assert.True(_lane.Complete(CallbackReceipt.Interrupted(pending)));
        Assert.False(_lane.Complete(CallbackReceipt.Interrupted(pending)));

        Assert.Equal((0, 0), (_admission.Pending, pending.Receiver.Pending));
    }

    public void Dispose() => _receivers.Dispose();

    private static CallbackReceipt Settled(PendingRequest pending, AttemptCause? cause = null) =>
        new(
            pending,
            new Settlement(
                RequestState.Failed,
                Sample.Now,
                Sample.Attempt(CallbackOutcome.NetworkError) with
                {
                    Cause = cause,
                }
            )
        );

    private PendingRequest Admitted()
    {
        var request = Sample.Request();
        Assert.Equal(
            AdmissionVerdict.Entered,
            _admission.TryEnter(request.Callback.Destination, out var receiver, out _)
        );
        return Sample.Pending(request, receiver!);
    }
}
