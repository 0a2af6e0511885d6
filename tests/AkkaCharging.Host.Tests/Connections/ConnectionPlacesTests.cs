using AkkaCharging.Host.Connections;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Connections;

[Trait("Category", "Unit")]
public sealed class ConnectionPlacesTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<string> _closed = [];
    private readonly ConnectionPlaces _places;

    public ConnectionPlacesTests() => _places = new ConnectionPlaces(3, _time);

    [Fact]
    public async Task SilentOnesMakeRoomFirst_ThenTheOneIdleLongest_AndNeverABusyOne()
    {
        var early = await OpenAsync("early");
        var late = await OpenAsync("late");
        Serve(early);
        _time.Advance(TimeSpan.FromSeconds(1));
        Serve(late);
        await OpenAsync("silent");
        _time.Advance(TimeSpan.FromSeconds(1));

        var busy = await OpenAsync("busy"); // in place of the silent one, although it is the youngest
        busy.Begin();
        var next = await OpenAsync("next"); // in place of the one that was idle longest
        next.Begin();
        late.Begin();

        Assert.Null(await _places.TakeAsync());
        Assert.Equal(["silent", "early"], _closed);
        Assert.Equal((3, 1L, 2L), (_places.Open, _places.Refused, _places.Displaced));
    }

    [Fact]
    public async Task OneThatHasJustAnswered_IsNotClosed()
    {
        foreach (var name in new[] { "a", "b", "c" })
            Serve(await OpenAsync(name));

        Assert.Null(await _places.TakeAsync());
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull(await _places.TakeAsync());
        Assert.Equal(["a"], _closed);
    }

    [Fact]
    public async Task OneWithARequestInProgress_IsBusy_WhenAnotherOfItsRequestsEnds()
    {
        var shared = await OpenAsync("shared");
        shared.Begin();
        Serve(shared);
        for (var i = 0; i < 2; i++)
            (await OpenAsync("busy")).Begin();
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Null(await _places.TakeAsync());
        shared.End();
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull(await _places.TakeAsync());
        Assert.Equal(["shared"], _closed);
    }

    [Fact]
    public async Task OneThatDoesNotClose_HoldsUpNobodyForLong()
    {
        for (var i = 0; i < 3; i++)
            (await _places.TakeAsync())!.ClosesBy(() => { });

        var waiting = _places.TakeAsync().AsTask();
        Assert.False(waiting.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Null(await waiting);
        Assert.Equal(3, _places.Open);
    }

    [Fact]
    public async Task APlaceIsFreedOnce_AndAnAnswerAfterItsEndDoesNotBringItBack()
    {
        var place = await OpenAsync("a");
        place.Begin();
        place.Free();
        place.Free();
        place.End();
        for (var i = 0; i < 3; i++)
            (await OpenAsync("busy")).Begin();

        Assert.Null(await _places.TakeAsync());
        Assert.Equal((3, 0), (_places.Open, _closed.Count));
    }

    private async Task<ConnectionPlaces.Place> OpenAsync(string name)
    {
        var place = (await _places.TakeAsync())!;
        place.ClosesBy(() =>
        {
            _closed.Add(name);
            place.Free();
        });
        return place;
    }

    private static void Serve(ConnectionPlaces.Place place)
    {
        place.Begin();
        place.End();
    }
}
