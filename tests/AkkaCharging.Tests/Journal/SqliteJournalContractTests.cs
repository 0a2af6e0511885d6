using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Component")]
// one after another: a process being started (mount) holds copies of open locks for a moment
[Collection("SQLite journal")]
public sealed class SqliteJournalContractTests : RequestJournalContract, IAsyncLifetime
{
    private readonly JournalFolder _folder = new();
    private int _made;

    private protected override int RaceRounds => 5;

    async Task IAsyncLifetime.DisposeAsync()
    {
        await DisposeAsync();
        await _folder.DisposeAsync();
    }

    private protected override async Task<IJournal> CreateAsync(JournalSettings settings)
    {
        var journal = new SqliteJournal(
            settings with
            {
                Kind = JournalKind.Sqlite,
                Path = Path.Combine(_folder.Root, $"{_made++}.db"),
            },
            Time
        );
        await journal.StartAsync(default);
        return journal;
    }
}
