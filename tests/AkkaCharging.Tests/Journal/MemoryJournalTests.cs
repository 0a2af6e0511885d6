using AkkaCharging.Journal;
using AkkaCharging.Journal.Memory;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Unit")]
public sealed class MemoryJournalTests : RequestJournalContract
{
    [Fact]
    public async Task Status_NamesTheKind() => Assert.Equal("memory", (await NewAsync()).Status.Kind);

    [Fact]
    public void States_AreSpelledAsTheContractHasThem() =>
        Assert.Equal(
            ["queued", "decided", "delivered", "failed", "expired"],
            Enum.GetValues<RequestState>().Select(state => state.Name())
        );

    private protected override Task<IJournal> CreateAsync(JournalSettings settings) =>
        Task.FromResult<IJournal>(new MemoryJournal(settings, Time));
}
