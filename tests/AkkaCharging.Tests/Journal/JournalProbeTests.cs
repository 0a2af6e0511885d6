using AkkaCharging.Journal;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

/// <summary>What an operator is told of a journal, before or while a service has it open.</summary>
[Trait("Category", "Component")]
// one after another: a process being started (mount) holds copies of open locks for a moment
[Collection("SQLite journal")]
public sealed class JournalProbeTests : IAsyncLifetime
{
    private readonly JournalFolder _folder = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _folder.DisposeAsync().AsTask();

    [Fact]
    public async Task JournalInMemory_IsInOrder() =>
        Assert.Equal(
            new ProbeFinding(ProbeSeverity.Ok, "The journal is kept in memory."),
            Assert.Single(await ExamineAsync(_folder.Settings with { Kind = JournalKind.Memory }))
        );

    [Fact]
    public async Task JournalThatIsMissing_IsMadeAtTheFirstStart_AndNotBefore()
    {
        var path = Path.Combine(_folder.Root, "a", "b", "journal.db");
        ProbeFinding[] expected = [Writable(), new(ProbeSeverity.Ok, $"{path} is created at the first start.")];

        Assert.Equal(expected, await ExamineAsync(_folder.Settings with { Path = path }));

        Assert.Empty(Directory.GetFileSystemEntries(_folder.Root));
    }

    [Fact]
    public async Task FolderThatIsAFile_Fails()
    {
        var file = Path.Combine(_folder.Root, "file");
        File.WriteAllText(file, "");
        var path = Path.Combine(file, "journal.db");

        var failed = Assert.Single(await ExamineAsync(_folder.Settings with { Path = path }));

        Assert.Equal(ProbeSeverity.Failed, failed.Severity);
        Assert.StartsWith($"No file can be written next to {path}: ", failed.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FullDisk_Fails_WhereAnEmptyFileCouldStillBeMade()
    {
        using var disk = new SmallDisk(Path.Combine(_folder.Root, "disk"), megabytes: 1);
        disk.Fill();

        var failed = Assert.Single(
            await ExamineAsync(_folder.Settings with { Path = Path.Combine(disk.Path, "journal.db") })
        );

        Assert.Equal(ProbeSeverity.Failed, failed.Severity);
    }

    [Theory]
    [InlineData(512, "Warning", "0.5 GiB are free there.")]
    [InlineData(1_023, "Warning", "1.0 GiB are free there.")]
    [InlineData(1_024, "Ok", "1.0 GiB are free there.")]
    [InlineData(3_072, "Ok", "3.0 GiB are free there.")]
    public async Task FreeSpaceBelowAGibibyte_IsWarnedOf(int megabytes, string severity, string text)
    {
        using var disk = new SmallDisk(Path.Combine(_folder.Root, "disk"), megabytes);
        var settings = _folder.Settings with { Path = Path.Combine(disk.Path, "journal.db") };

        var findings = await JournalProbe.ExamineAsync(settings, default);

        Assert.Equal(3, findings.Count);
        Assert.Equal(new ProbeFinding(Enum.Parse<ProbeSeverity>(severity), text), findings[1]);
        Assert.Empty(Directory.GetFileSystemEntries(disk.Path));
    }

    [Fact]
    public async Task JournalWithoutARequest_CanBeRead()
    {
        await (await _folder.StartAsync()).DisposeAsync();
        ProbeFinding[] expected = [Writable(), Readable()];

        Assert.Equal(expected, await ExamineAsync(_folder.Settings));
    }

    [Fact]
    public async Task JournalInUse_CanBeRead_AndStaysWithItsOwner()
    {
        var journal = await _folder.StartAsync();
        await _folder.AcceptAsync(journal);
        ProbeFinding[] expected = [Writable(), Readable()];

        Assert.Equal(expected, await ExamineAsync(_folder.Settings));

        await _folder.AcceptAsync(journal);
    }

    [Theory]
    [InlineData(-3_600, false)]
    [InlineData(2, false)] // the clocks of two machines differ by as much
    [InlineData(3_600, true)]
    public async Task NewestRequestThatIsDatedInTheFuture_IsWarnedOf(int seconds, bool isWarnedOf)
    {
        var journal = await _folder.StartAsync();
        await _folder.AcceptAsync(journal); // an older one
        var at = TimeProvider.System.GetUtcNow().AddSeconds(seconds);
        await journal.AcceptAsync(Sample.Request(acceptedAt: at), idempotency: null, default);
        var warning = new ProbeFinding(
            ProbeSeverity.Warning,
            "Its newest request is dated in the future: this machine's clock was set back."
        );
        ProbeFinding[] expected = isWarnedOf ? [Writable(), Readable(), warning] : [Writable(), Readable()];

        Assert.Equal(expected, await ExamineAsync(_folder.Settings));
    }

    [Fact]
    public async Task JournalOfAnOlderVersion_IsWarnedOf_UntilAStartUpgradesIt()
    {
        var journal = await _folder.StartAsync();
        await _folder.AcceptAsync(journal);
        await journal.DisposeAsync();
        _folder.MakeOlder();

        var findings = await ExamineAsync(_folder.Settings);

        Assert.Equal([Writable(), Readable()], findings.Take(2));
        Assert.Equal(ProbeSeverity.Warning, findings[^1].Severity);
        Assert.StartsWith(
            $"The journal {_folder.Journal} has schema version 3; ",
            findings[^1].Text,
            StringComparison.Ordinal
        );
        Assert.Equal(3, findings.Count);
        await (await _folder.StartAsync()).DisposeAsync();
        Assert.Equal([Writable(), Readable()], await ExamineAsync(_folder.Settings));
    }

    [Fact]
    public async Task JournalWhoseKeyIsMissing_CannotBeOpened_AndGetsNoOther()
    {
        await (await _folder.StartAsync()).DisposeAsync();
        File.Delete(_folder.Key);

        var invalid = await Assert.ThrowsAsync<InvalidJournalException>(() => ExamineAsync(_folder.Settings));

        Assert.Contains($"{_folder.Key} is missing", invalid.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.Key));
    }

    private ProbeFinding Writable() => new(ProbeSeverity.Ok, $"Its folder {_folder.Root} can be written.");

    private ProbeFinding Readable() =>
        new(ProbeSeverity.Ok, $"{_folder.Journal} can be read with the configured keys.");

    /// <summary>The findings but for that about free space, which is the machine's.</summary>
    private static async Task<List<ProbeFinding>> ExamineAsync(JournalSettings settings)
    {
        var findings = await JournalProbe.ExamineAsync(settings, default);
        return [.. findings.Where(finding => !finding.Text.EndsWith(" are free there.", StringComparison.Ordinal))];
    }
}
