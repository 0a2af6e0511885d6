using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Journal;

/// <summary>A folder of a test's own for a journal's files.</summary>
internal sealed class JournalFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("akkacharging-journal-");

    public string Root => _folder.FullName;

    public string Journal => Path.Combine(Root, "journal.db");

    public JournalSettings Settings => SettingsLoader.Defaults.Journal with { Kind = JournalKind.Sqlite, Path = Journal };

    public void Dispose() => _folder.Delete(recursive: true);
}
