using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Component")]
public sealed class SqliteJournalContractTests : RequestJournalContract, IDisposable
{
    private readonly JournalFolder _folder = new();
    private int _made;

    public void Dispose() => _folder.Dispose();

    protected override async Task<IRequestJournal> CreateAsync(JournalSettings settings)
    {
        var journal = new SqliteJournal(settings with { Kind = JournalKind.Sqlite, Path = Path.Combine(_folder.Root, $"{_made++}.db") }, Time);
        await journal.StartAsync(default);
        return journal;
    }
}
