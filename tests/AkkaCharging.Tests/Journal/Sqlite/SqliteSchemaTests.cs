using System.Buffers.Binary;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;

namespace AkkaCharging.Tests.Journal.Sqlite;

[Trait("Category", "Component")]
public sealed class SqliteSchemaTests : IAsyncLifetime
{
    private const int PageBytes = 4_096;
    private const int PageCountAt = 28; // in the header of the file
    private readonly JournalFolder _folder = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _folder.DisposeAsync();

    [Theory]
    [InlineData(64 << 20, true)]
    [InlineData((64 << 20) + PageBytes, false)]
    public void File_IsCheckedAsAWhole_UpToASizeThatDoesNotTakeLong(int bytes, bool isChecked)
    {
        File.WriteAllText(_folder.Journal, "");
        SqliteStore.Open(_folder.Settings, _folder.Time).Dispose();
        AddPagesThatNothingUses(bytes);
        using var connection = SqliteFile.Connect(_folder.Settings);

        var found = Record.Exception(() => SqliteSchema.CheckIsFresh(connection, _folder.Journal));

        if (isChecked)
            Assert.Contains(
                $"The journal {_folder.Journal} is corrupt: ",
                Assert.IsType<InvalidJournalException>(found).Message,
                StringComparison.Ordinal
            );
        else
            Assert.Null(found);
    }

    private void AddPagesThatNothingUses(int bytes)
    {
        using var file = File.OpenHandle(_folder.Journal, FileMode.Open, FileAccess.Write);
        RandomAccess.SetLength(file, bytes);
        var pages = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(pages, bytes / PageBytes);
        RandomAccess.Write(file, pages, PageCountAt);
    }
}
