using System.Text;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;
using AkkaCharging.Tests.Settings;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Component")]
// one after another: a process being started (mount) holds copies of open locks for a moment
[Collection("SQLite journal")]
public sealed class SqliteJournalPrivacyTests : IAsyncLifetime
{
    private const string Token = "canary-token-0123456789";
    private const string Url = "http://127.0.0.1:8080/canary-path?key=canary-key";
    private readonly JournalFolder _folder = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _folder.DisposeAsync().AsTask();

    [Fact]
    public async Task Files_HoldNoSecretInClear_BeforeAndAfterSettling_NorAfterClosing()
    {
        var journal = await _folder.StartAsync();
        var request = Sample.Request(Url, token: Token);
        await journal.AcceptAsync(request, journal.Hasher.Claim(null, "canary-idempotency", Token, Url), default);
        AssertNoCanary();

        await journal.SettleAsync(request.Id, new(RequestState.Failed, Sample.Now, Sample.Attempt()), default);
        AssertNoCanary();

        await journal.DisposeAsync();
        AssertNoCanary();
        Assert.Equal("cana***", (await (await _folder.StartAsync()).FindAsync(request.Id, default))!.DriverTokenMasked);
    }

    [Theory]
    [InlineData(RequestState.Delivered, false)]
    [InlineData(RequestState.Expired, false)]
    [InlineData(RequestState.Failed, true)]
    public async Task SettledRequest_LosesItsSecrets_UnlessItFailed(object state, bool isKept)
    {
        var journal = await _folder.StartAsync();
        var request = await _folder.AcceptAsync(journal);
        byte[] sealedSecrets = Secrets(request.Id)!;

        await journal.SettleAsync(request.Id, new((RequestState)state, Sample.Now, LastAttempt: null), default);
        Assert.Equal(isKept ? sealedSecrets : null, Secrets(request.Id));
        await journal.DisposeAsync();

        Assert.Equal(isKept, File.ReadAllBytes(_folder.Journal).AsSpan().IndexOf(sealedSecrets) >= 0);
    }

    /// <summary>
    /// In a page whose other rows stay, a deleted row would lie until something else needs its place.
    /// </summary>
    [Fact]
    public async Task DeadLetter_LeavesNothing_WhenRetentionDeletesItBetweenPendingRequests()
    {
        var journal = await _folder.StartAsync();
        var dead = new List<byte[]>();
        RequestId last = default;
        for (var number = 0; number < 20; number++)
        {
            await _folder.AcceptAsync(journal);
            last = (await _folder.AcceptAsync(journal)).Id;
            dead.Add(Secrets(last)!);
            await journal.SettleAsync(last, new(RequestState.Failed, _folder.Time.GetUtcNow(), null), default);
        }

        _folder.Time.Advance(TimeSpan.FromHours(24));
        await _folder.TickUntilAsync(() => Secrets(last) is null, "the dead letters are deleted");
        await journal.DisposeAsync();

        var file = File.ReadAllBytes(_folder.Journal);
        Assert.All(dead, secrets => Assert.Equal(-1, file.AsSpan().IndexOf(secrets)));
    }

    [Fact]
    public async Task SameTokenTwice_IsStoredAsDifferentBytes_WithOneFingerprint()
    {
        var journal = await _folder.StartAsync();
        var (first, second) = (await _folder.AcceptAsync(journal), await _folder.AcceptAsync(journal));

        // Without key id, nonce and tag, of which the tag differs with the id of the request.
        Assert.NotEqual(Secrets(first.Id)![20..^16], Secrets(second.Id)![20..^16]);
        Assert.Equal(Column("token_fingerprint", first.Id), Column("token_fingerprint", second.Id));
    }

    [Fact]
    public async Task FreshJournals_HaveKeysAndFingerprintsOfTheirOwn()
    {
        await using var other = new JournalFolder();
        var (journal, otherJournal) = (await _folder.StartAsync(), await other.StartAsync());

        Assert.NotEqual(File.ReadAllText(_folder.Key), File.ReadAllText(other.Key));
        Assert.NotEqual(journal.Hasher.Claim(null, "key"), otherJournal.Hasher.Claim(null, "key"));
    }

    [Fact]
    public async Task GeneratedKey_IsForItsOwnerAlone_AndStays()
    {
        await (await _folder.StartAsync()).DisposeAsync();
        var key = File.ReadAllText(_folder.Key);
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite,
            OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(_folder.Key)
        );

        await (await _folder.StartAsync()).DisposeAsync();

        Assert.Equal(key, File.ReadAllText(_folder.Key));
        Assert.False(File.Exists(_folder.Key + ".new"));
    }

    [Fact]
    public async Task ConfiguredKey_LeavesNoGeneratedOne()
    {
        await _folder.StartAsync(_folder.Settings with { EncryptionKeys = [SettingsTable.EncryptionKey] });

        Assert.False(File.Exists(_folder.Key));
    }

    [Fact]
    public async Task LostKey_RefusesTheStart_AndNamesIt_WithoutANewOne()
    {
        await (await _folder.StartAsync()).DisposeAsync();
        var id = EncryptionKey.TryParse(File.ReadAllText(_folder.Key).Trim())!.Id;
        File.Delete(_folder.Key);

        var invalid = await Assert.ThrowsAsync<InvalidJournalException>(() => _folder.StartAsync());

        Assert.Contains($"key {id}, and {_folder.Key} is missing", invalid.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.Key));
    }

    [Fact]
    public async Task WrongKey_RefusesTheStart_AndNamesTheMissingOne()
    {
        await (
            await _folder.StartAsync(_folder.Settings with { EncryptionKeys = [SettingsTable.EncryptionKey] })
        ).DisposeAsync();

        var invalid = await Assert.ThrowsAsync<InvalidJournalException>(() =>
            _folder.StartAsync(_folder.Settings with { EncryptionKeys = [SettingsTable.OtherEncryptionKey] })
        );

        Assert.Contains(
            $"encrypted with key {EncryptionKey.TryParse(SettingsTable.EncryptionKey)!.Id}",
            invalid.Message,
            StringComparison.Ordinal
        );
        Assert.DoesNotContain(SettingsTable.OtherEncryptionKey, invalid.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rotation_WritesWithTheFirstKey_ReadsWithAll_AndDropsAKeyOnceNothingNeedsIt()
    {
        var (old, both, next) = (
            Keys(SettingsTable.EncryptionKey),
            Keys(SettingsTable.OtherEncryptionKey, SettingsTable.EncryptionKey),
            Keys(SettingsTable.OtherEncryptionKey)
        );
        var journal = await _folder.StartAsync(_folder.Settings with { EncryptionKeys = old });
        var claim = journal.Hasher.Claim(null, "key");
        var request = await _folder.AcceptAsync(journal);
        await journal.DisposeAsync();

        journal = await _folder.StartAsync(_folder.Settings with { EncryptionKeys = both });
        Assert.Equal(claim, journal.Hasher.Claim(null, "key"));
        Assert.Equal(
            request.Token,
            Assert.Single(await journal.ReadUnsettledAsync(default).ToListAsync()).Request.Token
        );
        var young = await _folder.AcceptAsync(journal);
        Assert.Equal(EncryptionKey.TryParse(next[0])!.Id, KeyRing.KeyIdOf(Secrets(young.Id)));
        await journal.DisposeAsync();

        var invalid = await Assert.ThrowsAsync<InvalidJournalException>(() =>
            _folder.StartAsync(_folder.Settings with { EncryptionKeys = next })
        );
        Assert.Contains(
            $"under key {EncryptionKey.TryParse(old[0])!.Id}, which is no longer configured",
            invalid.Message,
            StringComparison.Ordinal
        );

        journal = await _folder.StartAsync(_folder.Settings with { EncryptionKeys = both });
        await journal.SettleAsync(
            request.Id,
            new(RequestState.Delivered, Sample.Now, Sample.Attempt(CallbackOutcome.Success)),
            default
        );
        await journal.DisposeAsync();
        journal = await _folder.StartAsync(_folder.Settings with { EncryptionKeys = next });
        Assert.Equal(young.Token, Assert.Single(await journal.ReadUnsettledAsync(default).ToListAsync()).Request.Token);
    }

    [Fact]
    public async Task KeyFile_HoldsKeysLineByLine_AndFollowsTheGeneratedOne()
    {
        await (await _folder.StartAsync()).DisposeAsync();
        var file = Path.Combine(_folder.Root, "keys");
        File.WriteAllText(file, $"\n{SettingsTable.EncryptionKey}\n{SettingsTable.OtherEncryptionKey}\n");

        var journal = await _folder.StartAsync(_folder.Settings with { EncryptionKeyFile = file });

        var request = await _folder.AcceptAsync(journal);
        Assert.Equal(EncryptionKey.TryParse(SettingsTable.EncryptionKey)!.Id, KeyRing.KeyIdOf(Secrets(request.Id)));
    }

    [Theory]
    [InlineData(null, "cannot be read")]
    [InlineData("\n", "contains no key")]
    [InlineData("\nMDEyMzQ1\n", "keys:2 is not a key; expected 32 bytes in base64.")]
    public async Task BadKeyFile_RefusesTheStart(string? text, string expected)
    {
        var file = Path.Combine(_folder.Root, "keys");
        if (text is not null)
            File.WriteAllText(file, text);

        var invalid = await Assert.ThrowsAsync<InvalidJournalException>(() =>
            _folder.StartAsync(_folder.Settings with { EncryptionKeyFile = file })
        );

        Assert.Contains(expected, invalid.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("MDEy", invalid.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BadConfiguredKey_RefusesTheStart() =>
        await Assert.ThrowsAsync<InvalidJournalException>(() =>
            _folder.StartAsync(_folder.Settings with { EncryptionKeys = ["short"] })
        );

    [Fact]
    public async Task SecretsMovedToAnotherRow_OrCut_DoNotOpen()
    {
        var journal = await _folder.StartAsync();
        var (first, second) = (await _folder.AcceptAsync(journal), await _folder.AcceptAsync(journal));
        await journal.DisposeAsync();
        await using (
            _folder.Shell(
                $"UPDATE request SET secrets = (SELECT secrets FROM request WHERE id = x'{Hex(first.Id)}') WHERE "
                    + $"id = x'{Hex(second.Id)}'"
            )
        )
            journal = await _folder.StartAsync();

        Assert.Equal(
            [first.Id],
            (await journal.ReadUnsettledAsync(default).ToListAsync()).Select(unsettled => unsettled.Request.Id)
        );
        await using (_folder.Shell("UPDATE request SET secrets = substr(secrets, 1, 10)"))
            Assert.Empty(await journal.ReadUnsettledAsync(default).ToListAsync());
    }

    [Theory]
    [InlineData("https://a.example.com/x?y=1")]
    [InlineData("HTTPS://A.Example.COM./x")]
    [InlineData("https://[2606:4700::1111]:8443/")]
    [InlineData("http://8.8.8.8:/p")]
    [InlineData("http://a.example.com.?x=%41/../")]
    [InlineData("http://a.example.com")]
    [InlineData("http://a.example.com/a/../%2E%2e/b?c=%c3%A9")]
    public void CallbackUrl_IsReadBackAsThePolicyReadIt(string text)
    {
        var url = Sample.Url(text);

        var read = CallbackUrl.FromJournal(url.Text);

        Assert.Equal((url.Text, url.Uri, url.Destination), (read.Text, read.Uri, read.Destination));
        Assert.Equal(url.Uri.PathAndQuery, read.Uri.PathAndQuery);
    }

    private static string[] Keys(params string[] keys) => keys;

    private static string Hex(RequestId id) => Convert.ToHexString(StoredId.Of(id));

    private byte[]? Secrets(RequestId id) => Column("secrets", id);

    private byte[]? Column(string name, RequestId id)
    {
        using var shell = _folder.Shell();
        using var command = shell.CreateCommand();
        command.CommandText = $"SELECT {name} FROM request WHERE id = x'{Hex(id)}'";
        return command.ExecuteScalar() as byte[];
    }

    private void AssertNoCanary()
    {
        var files = Directory.GetFiles(_folder.Root);
        Assert.Contains(files, file => file.EndsWith(".key", StringComparison.Ordinal));
        foreach (var file in files.Where(file => !file.EndsWith(".lock", StringComparison.Ordinal)))
        {
            using var stream = new FileStream(
                file,
                FileMode.Open,
                FileAccess.Read,
                FileShare.ReadWrite | FileShare.Delete
            );
            using var bytes = new MemoryStream();
            stream.CopyTo(bytes);
            Assert.True(
                bytes.ToArray().AsSpan().IndexOf("canary"u8) < 0,
                $"{file} holds a canary: {Encoding.ASCII.GetString(bytes.ToArray())}"
            );
        }
    }
}
