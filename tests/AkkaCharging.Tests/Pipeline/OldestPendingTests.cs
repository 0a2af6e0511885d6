using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline;

[Trait("Category", "Unit")]
public sealed class OldestPendingTests : IDisposable
{
    private readonly FakeTimeProvider _time = new(Sample.Now);
    private readonly AkkaCharging.Callbacks.Destinations _destinations;
    private readonly Admission _admission;
    private readonly Lane[] _lanes;
    private readonly OldestPending _oldest;

    public OldestPendingTests()
    {
        var settings = SettingsLoader.Defaults;
        _destinations = new(settings.Callback, settings.Queue, _time);
        _admission = new(settings.Queue.MaxSize, _destinations, _time);
        _lanes = [new Lane(0, _admission), new Lane(1, _admission)];
        _oldest = new(_lanes, _time);
    }

    public void Dispose() => _destinations.Dispose();

    [Fact]
    public void Nothing_IsZero_AndTheOldestOfAllLanesCounts()
    {
        Assert.Equal(TimeSpan.Zero, _oldest.Age);
        Add(lane: 0);
        _time.Advance(TimeSpan.FromSeconds(3));
        var first = Add(lane: 1);
        Assert.Equal(TimeSpan.FromSeconds(3), _oldest.Age);

        _lanes[0].Complete(new(_lanes[0].Pending.Single(), new(RequestState.Delivered, _time.GetUtcNow(), LastAttempt: null)));
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(TimeSpan.FromSeconds(2), _oldest.Age);
        Assert.Same(first, _lanes[1].Pending.Single());
    }

    [Fact]
    public void Look_IsGoodForASecond()
    {
        Add(lane: 0);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(TimeSpan.FromSeconds(5), _oldest.Age);

        _time.Advance(TimeSpan.FromMilliseconds(999));
        Assert.Equal(TimeSpan.FromSeconds(5), _oldest.Age);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(TimeSpan.FromSeconds(6), _oldest.Age);
    }

    [Fact]
    public void RedrivenRequest_IsAsOldAsItsRedrive()
    {
        var request = Sample.Request();
        _time.Advance(TimeSpan.FromDays(1));
        _lanes[0].TryAdd(PendingRequest.FromJournal(
            new(request, Sample.Decision(), AttemptsMade: 0, IsRedriven: true), _destinations.Join(request.Callback.Destination), _time));
        _time.Advance(TimeSpan.FromSeconds(7));

        Assert.Equal(TimeSpan.FromSeconds(7), _oldest.Age);
    }

    private PendingRequest Add(int lane)
    {
        var request = Sample.Request() with { Id = RequestId.New(_time.GetUtcNow()), AcceptedAt = _time.GetUtcNow() };
        _admission.TryEnter(request.Callback.Destination, out var destination, out _);
        var pending = new PendingRequest(request, destination!, _time.GetTimestamp());
        Assert.True(_lanes[lane].TryAdd(pending));
        return pending;
    }
}
