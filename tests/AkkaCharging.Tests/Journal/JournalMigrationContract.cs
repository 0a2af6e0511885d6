using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Journal;

/// <summary>
/// What an update does to the journal of version 1: it loses nothing, and it is made as a whole or not at all.
/// </summary>
public abstract class JournalMigrationContract
{
    private readonly ChargingRequest _queued = Request();
    private readonly ChargingRequest _decided = Request();
    private readonly Dictionary<RequestState, ChargingRequest> _settled = new()
    {
        [RequestState.Delivered] = Request(),
        [RequestState.Expired] = Request(),
        [RequestState.Failed] = Request("http://127.0.0.1:8080/dead?key=canary"),
    };

    private protected FakeTimeProvider Time { get; } = new(Sample.Now);

    /// <summary>The version that this program makes.</summary>
    private protected abstract long Newest { get; }

    /// <summary>A statement that makes the last statement of the step to version 2 fail.</summary>
    private protected abstract string Obstacle { get; }

    /// <summary>Takes <see cref="Obstacle"/> away.</summary>
    private protected abstract string Remedy { get; }

    [Fact]
    public async Task JournalOfVersion1_IsMigrated_WithEverythingInIt()
    {
        await MakeVersion1Async();

        await using var journal = await StartAsync();

        await AssertCompleteAsync(journal);
        Assert.Equal((Newest, true), await VersionAsync());
    }

    [Fact]
    public async Task MigrationThatFailsInItsLastStatement_LeavesVersion1_AndIsMadeWhenItCanBe()
    {
        await MakeVersion1Async();
        await ExecuteAsync(Obstacle);

        await using var journal = await StartAsync();
        Assert.False(journal.Status.IsAvailable);
        Assert.Equal((1, false), await VersionAsync());
        await ExecuteAsync(Remedy);
        await WaitUntilAvailableAsync(journal);

        await AssertCompleteAsync(journal);
        Assert.Equal((Newest, true), await VersionAsync());
    }

    /// <summary>A text of a file beside the tests.</summary>
    private protected static string Schema(string name)
    {
        using var stream = typeof(JournalMigrationContract).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>Begins to open the journal under test.</summary>
    private protected abstract Task<IJournal> StartAsync();

    /// <summary>Has the journal under test hold, in tables of version 1, what <paramref name="fill"/> writes.</summary>
    private protected abstract Task MakeVersion1Async(Func<IJournal, Task> fill);

    private protected abstract Task ExecuteAsync(string sql);

    /// <summary>The version that the journal says it has, and whether it has the column that version 2 added.</summary>
    private protected abstract Task<(long Version, bool HasNewColumn)> VersionAsync();

    private protected abstract Task WaitUntilAvailableAsync(IJournal journal);

    private protected Task MakeVersion1Async() =>
        MakeVersion1Async(async journal =>
        {
            foreach (var request in new[] { _queued, _decided }.Concat(_settled.Values))
                await journal.AcceptAsync(request, journal.Hasher.Claim(null, request.Id.ToString(), "body"), default);
            foreach (var request in _settled.Values.Prepend(_decided))
                await journal.DecideAsync(request.Id, Sample.Decision(), default);
            await journal.RecordAttemptAsync(_decided.Id, Sample.Attempt(), default);
            foreach (var (state, request) in _settled)
                await journal.SettleAsync(
                    request.Id,
                    new(state, Sample.Now.AddSeconds(1), Sample.Attempt(CallbackOutcome.Timeout)),
                    default
                );
        });

    private async Task AssertCompleteAsync(IJournal journal)
    {
        var unsettled = await journal.ReadUnsettledAsync(default).ToListAsync();
        Assert.Equal([_queued.Id, _decided.Id], unsettled.Select(found => found.Request.Id));
        Assert.Equal(
            [(null, 0, false), (Sample.Decision(), 1, false)],
            unsettled.Select(found => (found.Decision, found.AttemptsMade, found.IsRedriven))
        );
        Assert.Equal(
            (_queued.Token, _queued.Callback.Text, _queued.ExpiresAt),
            (unsettled[0].Request.Token, unsettled[0].Request.Callback.Text, unsettled[0].Request.ExpiresAt)
        );
        foreach (var (state, request) in _settled)
        {
            var found = await journal.FindAsync(request.Id, default);
            Assert.Equal(
                (state, Sample.Decision(), Sample.Now.AddSeconds(1)),
                (found!.State, found.Decision, found.SettledAt)
            );
            Assert.Equal([Sample.Attempt(CallbackOutcome.Timeout)], found.Attempts);
        }

        var replayed = await journal.AcceptAsync(
            Request(),
            journal.Hasher.Claim(null, _queued.Id.ToString(), "body"),
            default
        );
        Assert.Equal(new AcceptResult(AcceptOutcome.Replayed, _queued.Id), replayed);

        var failed = _settled[RequestState.Failed];
        var page = await journal.ListDeadLettersAsync(new(failed.Callback.Destination), after: null, most: 10, default);
        Assert.Equal(failed.Id, Assert.Single(page.Letters).Id);
        var redriven = await journal.RedriveAsync(failed.Id, Sample.Now.AddHours(1), default);
        Assert.Equal(
            (failed.Callback.Text, Sample.Now.AddHours(1).AddMinutes(5)),
            (redriven.Request!.Request.Callback.Text, redriven.Request.Request.ExpiresAt)
        );
    }

    private static ChargingRequest Request(string url = "http://127.0.0.1:8080/hook") => Sample.Request(url);
}
