using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Component")]
// one after another: a process being started (mount) holds copies of open locks for a moment
[Collection("SQLite journal")]
public sealed class SqliteAuditTests : JournalAuditContract, IAsyncLifetime
{
    private readonly JournalFolder _folder = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _folder.DisposeAsync().AsTask();

    private protected override Task DamageAsync(string columns, RequestId id)
    {
        _folder.Shell($"UPDATE request SET {columns} WHERE id = unhex('{id.Value:N}')").Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public void MissingFile_IsRefused_AndNotMade()
    {
        var invalid = Assert.Throws<InvalidJournalException>(() => SqliteAudit.Open(_folder.Settings));

        Assert.Contains($"There is no journal {_folder.Journal}", invalid.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Root));
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("this is not a database, and long enough not to be taken for one", "is corrupt, or not a database")]
    public void OtherFile_IsRefused(string text, string expected)
    {
        File.WriteAllText(_folder.Journal, text);

        var refused = Assert.ThrowsAny<Exception>(() => SqliteAudit.Open(_folder.Settings));

        Assert.True(refused is InvalidJournalException or JournalUnavailableException);
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, JournalFolder.OpenHandles(_folder.Journal));
    }

    [Fact]
    public async Task JournalOfAnOlderVersion_IsRefused_UntilAStartUpgradesIt()
    {
        await (await _folder.StartAsync()).DisposeAsync();
        _folder.MakeOlder();

        var refused = Assert.Throws<InvalidJournalException>(() => SqliteAudit.Open(_folder.Settings));

        Assert.Equal(
            $"The journal {_folder.Journal} has schema version 3; this version of the service expects "
                + $"{SqliteSchema.Version}. A start of the service upgrades it. Back it up before, because earlier "
                + "versions cannot read it afterwards.",
            refused.Message
        );
        Assert.Equal(0, JournalFolder.OpenHandles(_folder.Journal));
        await (await _folder.StartAsync()).DisposeAsync();
        await using var audit = await AuditAsync();
        Assert.Empty(await ReadAsync(audit, new()));
    }

    [Fact]
    public async Task Journal_IsReadWithoutItsKey_AndOnlyAFingerprintNeedsIt()
    {
        var journal = await _folder.StartAsync();
        var request = await _folder.AcceptAsync(journal);
        await journal.DisposeAsync();
        File.Delete(_folder.Key);
        await using var audit = await AuditAsync();

        Assert.Equal(request.Id, Assert.Single(await ReadAsync(audit, new())).Id);
        var invalid = await Assert.ThrowsAsync<InvalidJournalException>(() => audit.FingerprintAsync(request.Token));
        Assert.Contains($"{_folder.Key} is missing", invalid.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.Key));
    }

    [Fact]
    public async Task Audit_TakesNoLock_AndChangesNothing()
    {
        var journal = await _folder.StartAsync();
        await _folder.AcceptAsync(journal);
        await journal.DisposeAsync();
        var before = File.ReadAllBytes(_folder.Journal);

        var audit = await AuditAsync();
        await ReadAsync(audit, new());
        Assert.Equal(before, File.ReadAllBytes(_folder.Journal));
        var owner = await _folder.StartAsync();
        Assert.True(owner.Status.IsAvailable, owner.Status.Problem);
        await _folder.AcceptAsync(owner);

        Assert.Equal(2, (await ReadAsync(audit, new())).Count);
        await audit.DisposeAsync();
    }

    [Fact]
    public async Task JournalOfAKilledOwner_IsReadWithItsLog()
    {
        var journal = await _folder.StartAsync();
        var request = await _folder.AcceptAsync(journal);
        var copy = _folder.Settings with { Path = Path.Combine(_folder.Root, "copy.db") }; // what a crash would leave
        File.Copy(_folder.Journal, copy.Path);
        File.Copy(_folder.Journal + "-wal", copy.Path + "-wal");

        await using var audit = SqliteAudit.Open(copy);

        Assert.Equal(request.Id, Assert.Single(await ReadAsync(audit, new())).Id);
    }

    private protected override async Task<IJournal> OpenAsync() => await _folder.StartAsync();

    private protected override Task<IJournalAudit> AuditAsync() =>
        Task.FromResult<IJournalAudit>(SqliteAudit.Open(_folder.Settings));
}
