using AkkaCharging.Journal;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Settings;

namespace AkkaCharging.Tests.Journal.Encryption;

[Trait("Category", "Unit")]
public sealed class KeySourceTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("akkacharging-keys-");

    private string File => Path.Combine(_folder.FullName, "journal.db");

    private string Key => File + ".key";

    private JournalSettings Settings =>
        SettingsLoader.Defaults.Journal with
        {
            Path = File,
            EncryptionKeys = [],
            EncryptionKeyFile = "",
        };

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void NewJournal_GetsAKey_AlsoAfterACrashThatLeftAPartOfOne()
    {
        System.IO.File.WriteAllText(Key + ".new", SettingsTable.EncryptionKey[..8]);

        var made = KeySource.Load(Settings, keyIdInUse: null);

        Assert.Equal([Key], _folder.EnumerateFiles().Select(file => file.FullName));
        Assert.Equal(made.WritingKeyId, KeySource.Load(Settings, made.WritingKeyId).WritingKeyId);
    }

    [Fact]
    public void Keys_AreThoseOfTheSettings_ThenThoseOfTheirFile_ThenTheGeneratedOne()
    {
        var generated = Assert.Single(KeySource.Load(Settings, keyIdInUse: null).Keys);
        string[] configured = [EncryptionKey.Generate(), EncryptionKey.Generate(), EncryptionKey.Generate()];
        var keys = Path.Combine(_folder.FullName, "keys");
        System.IO.File.WriteAllText(keys, $"{configured[1]}\n\n  {configured[2]}\n");

        var loaded = KeySource.Load(
            Settings with
            {
                EncryptionKeys = [configured[0]],
                EncryptionKeyFile = keys,
            },
            generated.Id
        );

        Assert.Equal([.. configured, generated.Text], loaded.Keys.Select(key => key.Text));
    }

    [Fact]
    public void JournalWithoutAGeneratedKey_IsRefusedWithoutAKey()
    {
        var invalid = Assert.Throws<InvalidJournalException>(() => KeySource.Required(Settings));

        Assert.Contains("needs a key", invalid.Message, StringComparison.Ordinal);
        var required = KeySource.Required(Settings with { EncryptionKeys = [SettingsTable.EncryptionKey] });
        Assert.Equal(SettingsTable.EncryptionKey, Assert.Single(required.Keys).Text);
    }

    [Fact]
    public void GeneratedKey_IsNeeded_WhenNoneIsConfigured()
    {
        Assert.True(KeySource.NeedsGenerated(Settings));
        Assert.False(KeySource.NeedsGenerated(Settings with { EncryptionKeys = [SettingsTable.EncryptionKey] }));
        Assert.False(KeySource.NeedsGenerated(Settings with { EncryptionKeyFile = "keys" }));
    }

    [Fact]
    public void GeneratedKey_LiesBesideTheFileBehindALink_UnlessOneLiesBesideTheLink()
    {
        var link = Path.Combine(_folder.FullName, "link.db");
        System.IO.File.WriteAllText(File, "");
        System.IO.File.CreateSymbolicLink(link, File);
        Assert.Equal(Key, KeySource.GeneratedFile(Settings with { Path = link }));

        System.IO.File.WriteAllText(link + ".key", SettingsTable.EncryptionKey);

        Assert.Equal(link + ".key", KeySource.GeneratedFile(Settings with { Path = link }));
    }

    [Fact]
    public void KeysThatArePutBack_AreAllOfThem_AndReplaceNone()
    {
        string[] keys = [SettingsTable.EncryptionKey, SettingsTable.OtherEncryptionKey];
        var ring = KeySource.Required(Settings with { EncryptionKeys = keys });

        KeySource.PutBack(Key, ring);
        Assert.Equal(keys, System.IO.File.ReadAllLines(Key));
        KeySource.PutBack(Key, KeySource.Required(Settings with { EncryptionKeys = [EncryptionKey.Generate()] }));

        Assert.Equal(keys, System.IO.File.ReadAllLines(Key));
    }
}
