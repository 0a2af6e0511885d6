using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Component")]
// one after another: a process being started (mount) holds copies of open locks for a moment
[Collection("SQLite journal")]
public sealed class StoredRowsTests : IAsyncLifetime
{
    private readonly JournalFolder _folder = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _folder.DisposeAsync().AsTask();

    [Fact]
    public async Task RedrivenRequestOfAnEarlierProcess_HasTheAgeSinceItsRedrive()
    {
        var journal = await _folder.StartAsync();
        var request = await _folder.AcceptAsync(journal);
        await journal.SettleAsync(
            request.Id,
            new(RequestState.Failed, _folder.Time.GetUtcNow(), LastAttempt: null),
            default
        );
        _folder.Time.Advance(TimeSpan.FromHours(2));
        await journal.RedriveAsync(request.Id, _folder.Time.GetUtcNow(), default);
        await journal.DisposeAsync();
        _folder.Time.Advance(TimeSpan.FromMinutes(1));

        var reopened = await _folder.StartAsync();

        var found = Assert.Single(await reopened.ReadUnsettledAsync(default).ToListAsync());
        Assert.Equal((request.Id, TimeSpan.FromMinutes(5)), (found.Request.Id, found.Life));
        Assert.Equal(1, _folder.Time.GetElapsedTime(found.Since!.Value).TotalMinutes, 0.1);
    }

    [Fact]
    public async Task DetailsOfADecision_AreFoundWithTheRequest_AndListedNowhere()
    {
        var journal = await _folder.StartAsync();
        var request = await _folder.AcceptAsync(journal);
        var decision = Sample.Decision() with { Details = new() { Text = "Guthaben aufgebraucht" } };
        await journal.DecideAsync(request.Id, decision, default);

        var listed = Assert.Single((await journal.SearchAsync(new(), before: null, most: 10, default)).Requests);

        Assert.Equal(decision with { Details = null }, listed.Decision);
        Assert.Equal(decision, (await journal.FindAsync(request.Id, default))!.Decision);
    }
}
