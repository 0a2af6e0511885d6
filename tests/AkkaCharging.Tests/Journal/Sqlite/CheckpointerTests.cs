using System.Text;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Testing;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Tests.Journal.Sqlite;

[Trait("Category", "Component")]
public sealed class CheckpointerTests : IAsyncLifetime
{
    private const int Due = 1_000;
    private readonly JournalFolder _folder = new();
    private SqliteThread _thread = null!;
    private SqliteStore _store = null!;
    private Checkpointer _checkpointer = null!;
    private SqliteConnection _shell = null!;

    public Task InitializeAsync()
    {
        File.WriteAllText(_folder.Journal, "");
        _store = SqliteStore.Open(_folder.Settings, _folder.Time);
        _thread = new SqliteThread("checkpoints", _folder.Settings);
        _checkpointer = new Checkpointer(_thread, failure => throw failure);
        _shell = _folder.Shell("PRAGMA wal_autocheckpoint = 0; CREATE TABLE filler (content)");
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        _shell.Dispose();
        _thread.Dispose();
        _store.Dispose();
        await _folder.DisposeAsync();
    }

    [Fact]
    public async Task EveryThousandWrites_AreCopiedIntoTheDatabase()
    {
        for (var round = 1; round <= 3; round++)
        {
            var marker = $"marker of round {round}";
            SqliteSchema.Run(_shell, $"INSERT INTO filler VALUES ('{marker}')");

            _checkpointer.CountCommit(_store, Due - 1);
            await _thread.RunAsync(_ => 0); // whatever was queued before has run
            Assert.False(IsCopied(marker));
            _checkpointer.CountCommit(_store, 1);

            await Eventually.HoldsAsync(
                () =>
                {
                    if (IsCopied(marker))
                        return true;
                    _checkpointer.CountCommit(_store, 0); // still due, if the copy before had not ended yet
                    return false;
                },
                "the log is copied"
            );
            await _thread.RunAsync(_ => 0);
        }
    }

    [Fact]
    public async Task RestOfALogThatIsTooLong_IsCopiedByTheWriterItself_Once()
    {
        SqliteSchema.Run(
            _shell,
            "INSERT INTO filler WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70) "
                + "SELECT zeroblob(1048576) FROM n"
        );
        _checkpointer.CountCommit(_store, Due);
        await _thread.RunAsync(_ => 0);

        await Eventually.HoldsAsync(
            () =>
            {
                var marker = $"marker {Guid.NewGuid()}";
                SqliteSchema.Run(_shell, $"INSERT INTO filler VALUES ('{marker}')");
                _checkpointer.CountCommit(_store, 1);
                return IsCopied(marker);
            },
            "the writer copies the rest" // as soon as the length of the log is known
        );

        SqliteSchema.Run(_shell, "INSERT INTO filler VALUES ('the next one')");
        _checkpointer.CountCommit(_store, 1);
        Assert.False(IsCopied("the next one"));
    }

    private bool IsCopied(string marker) =>
        File.ReadAllBytes(_folder.Journal).AsSpan().IndexOf(Encoding.UTF8.GetBytes(marker)) >= 0;
}
