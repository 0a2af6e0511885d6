using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Timing;
using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline.Lanes;

[Trait("Category", "Unit")]
public sealed class PendingAgesTests : IDisposable
{
    private readonly FakeTimeProvider _time = new(Sample.Now);
    private readonly ReceiverRegister _receivers;
    private readonly Admission _admission;
    private readonly Lane _lane;

    public PendingAgesTests()
    {
        var settings = SettingsLoader.Defaults;
        _receivers = new(settings.Callback, settings.Queue, _time);
        _admission = new(settings.Queue.MaxSize, _receivers, _time);
        _lane = new Lane(0, _admission);
    }

    private TimeSpan Oldest => _lane.OldestAge;

    public void Dispose() => _receivers.Dispose();

    [Fact]
    public void Oldest_IsThatOfWhatIsStillPending()
    {
        Assert.Equal(TimeSpan.Zero, Oldest);
        var first = Add();
        _time.Advance(TimeSpan.FromSeconds(3));
        var second = Add();
        Assert.False(_lane.TryAdd(second)); // is here already, and counts once
        Assert.Equal(TimeSpan.FromSeconds(3), Oldest);

        Complete(first);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(TimeSpan.FromSeconds(2), Oldest);
        Complete(second);
        Assert.Equal(TimeSpan.Zero, Oldest);
    }

    [Fact]
    public void RecoveredRequest_IsAsOldAsItsAcceptance_ARedrivenOneAsItsRedrive()
    {
        _time.Advance(TimeSpan.FromDays(1));
        Recover(isRedriven: true);
        _time.Advance(TimeSpan.FromSeconds(7));
        Assert.Equal(TimeSpan.FromSeconds(7), Oldest);

        Recover(isRedriven: false);
        Assert.Equal(TimeSpan.FromDays(1) + TimeSpan.FromSeconds(7), Oldest);
    }

    [Fact]
    public void ClockThatWentBack_IsZero()
    {
        var ages = new PendingAges();
        ages.Add(100);

        Assert.Equal(TimeSpan.Zero, ages.Oldest(50));
    }

    /// <summary>
    /// For any sequence of additions and removals, the result is the oldest of the remaining requests.
    /// </summary>
    [Fact]
    public void Oldest_IsTheMinimum() =>
        Gen.Select(Gen.Long[0, 20].Array[1, 50], Gen.Int[0, 50])
            .Sample(
                (added, removed) =>
                {
                    var ages = new PendingAges();
                    foreach (var since in added)
                        ages.Add(since);
                    foreach (var since in added.Take(removed))
                        ages.Remove(since);

                    var left = added.Skip(removed).ToList();
                    return ages.Oldest(100).TotalSeconds == (left.Count == 0 ? 0 : 100 - left.Min());
                }
            );

    private PendingRequest Add()
    {
        var request = Sample.Request() with { Id = RequestId.New(_time.GetUtcNow()), AcceptedAt = _time.GetUtcNow() };
        _admission.TryEnter(request.Callback.Destination, out var receiver, out _);
        var pending = new PendingRequest(request, receiver!, _time, _time.GetTimestamp(), TimeSpan.FromMinutes(5));
        Assert.True(_lane.TryAdd(pending));
        return pending;
    }

    private void Recover(bool isRedriven)
    {
        var request = Sample.Request() with { Id = RequestId.New(_time.GetUtcNow()) };
        var unsettled = new UnsettledRequest(
            request,
            Sample.Decision(),
            AttemptsMade: 0,
            isRedriven,
            Since: isRedriven
                ? _time.GetTimestamp()
                : _time.After(_time.GetTimestamp(), request.AcceptedAt - _time.GetUtcNow())
        );
        Assert.True(
            _lane.TryAdd(PendingRequest.FromJournal(unsettled, _receivers.Join(request.Callback.Destination), _time))
        );
    }

    private void Complete(PendingRequest pending) =>
        Assert.True(_lane.Complete(new(pending, new(RequestState.Delivered, _time.GetUtcNow(), LastAttempt: null))));
}
