using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

/// <summary>
/// What is deleted from the file, and how old requests are that an earlier process left in it, when the wall clock was
/// set.
/// </summary>
[Trait("Category", "Component")]
[Collection("SQLite journal")]
public sealed class SqliteJournalClockTests : IAsyncLifetime
{
    private readonly JournalFolder _folder = new();

    private SteppingTime Time => _folder.Time;

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _folder.DisposeAsync().AsTask();

    [Fact]
    public async Task ClockDaysAhead_DeletesOnlyWhatIsOldByTheTimeThatElapsed()
    {
        var journal = await _folder.StartAsync();
        await FailAsync(journal);
        Time.Advance(TimeSpan.FromHours(25));
        var young = await FailAsync(journal);
        using var shell = _folder.Shell();

        Time.Step = TimeSpan.FromDays(3);

        await _folder.TickUntilAsync(() => Rows() == 1, "the old row is deleted, and that alone");
        Assert.NotNull(await journal.FindAsync(young.Id, default));

        long Rows() => SqliteSchema.Number(shell, "SELECT count(*) FROM request");
    }

    [Theory]
    [InlineData("one")] // was set
    [InlineData("other")] // may have been set
    [InlineData(null)]
    public async Task ClockDaysAheadAtTheNextStart_MakesNothingOld(string? boot)
    {
        Time.Boot = "one";
        var letter = await FailAndCloseAsync();

        (Time.Boot, Time.Step) = (boot, TimeSpan.FromDays(3));
        var journal = await _folder.StartAsync();

        Assert.NotNull(await journal.FindAsync(letter.Id, default));
        Time.Advance(TimeSpan.FromHours(24));
        Assert.Null(await journal.FindAsync(letter.Id, default));
    }

    [Fact]
    public async Task DaysThatTheMachineVouchesFor_AreOld()
    {
        Time.Boot = "one";
        var letter = await FailAndCloseAsync();

        Time.Advance(TimeSpan.FromDays(3));
        var journal = await _folder.StartAsync();

        Assert.Null(await journal.FindAsync(letter.Id, default));
    }

    [Theory]
    [InlineData("one", 20, 1)]
    [InlineData("one", -60, 1)]
    [InlineData("other", 20, 21)]
    [InlineData("other", -60, 0)]
    public async Task RequestOfAnEarlierProcess_HasTheAgeThatIsPlausible(string boot, int stepMinutes, int age)
    {
        Time.Boot = "one";
        var first = await _folder.StartAsync();
        var request = await _folder.AcceptAsync(first);
        await first.DisposeAsync();

        Time.Advance(TimeSpan.FromMinutes(1));
        (Time.Boot, Time.Step) = (boot, TimeSpan.FromMinutes(stepMinutes));
        var second = await _folder.StartAsync();

        var found = Assert.Single(await second.ReadUnsettledAsync(default).ToListAsync());
        Assert.Equal((request.Id, TimeSpan.FromMinutes(5)), (found.Request.Id, found.Life));
        Assert.Equal(age, Time.GetElapsedTime(found.Since!.Value).TotalMinutes, 0.1);
    }

    [Fact]
    public async Task StepBeforeTheCrash_IsKnownToTheNextProcess()
    {
        var first = await _folder.StartAsync();
        var before = await _folder.AcceptAsync(first);
        Time.Step = TimeSpan.FromMinutes(20);
        var after = await _folder.AcceptAsync(first);
        await first.DisposeAsync();
        Time.Advance(TimeSpan.FromMinutes(1));

        var second = await _folder.StartAsync();

        var ages = (await second.ReadUnsettledAsync(default).ToListAsync()).ToDictionary(
            found => found.Request.Id,
            found => Time.GetElapsedTime(found.Since!.Value).TotalMinutes
        );
        Assert.Equal((1, 1), (Math.Round(ages[before.Id], 1), Math.Round(ages[after.Id], 1)));
    }

    private async Task<ChargingRequest> FailAndCloseAsync()
    {
        var journal = await _folder.StartAsync();
        Time.Advance(TimeSpan.FromHours(30));
        var letter = await FailAsync(journal);
        await journal.DisposeAsync();
        return letter;
    }

    private async Task<ChargingRequest> FailAsync(SqliteJournal journal)
    {
        var request = await _folder.AcceptAsync(journal);
        await journal.SettleAsync(request.Id, new(RequestState.Failed, Time.GetUtcNow(), Sample.Attempt()), default);
        return request;
    }
}
