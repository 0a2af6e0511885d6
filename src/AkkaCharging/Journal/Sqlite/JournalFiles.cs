using AkkaCharging.Files;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>Which files an open journal uses, to tell when one of them was removed or replaced: an open file can be
/// written long after it has lost its name.</summary>
/// <remarks>
/// A look is one call of the system for each file and opens none of them. Where the system tells no identities
/// (anything but 64-bit Linux) it only sees whether the
/// database is there; Windows lets nobody remove a file that is open.
/// </remarks>
internal sealed class JournalFiles
{
    private readonly string _path;
    private readonly WatchedFile[] _files;

    /// <summary>Remembers the files that are there now.</summary>
    /// <param name="path">The database's, no symbolic link.</param>
    /// <param name="database">Known from the open file, so that none that came in its place meanwhile is taken for
    /// it.</param>
    /// <param name="key">The key that was generated beside the journal; null when it uses none.</param>
    public JournalFiles(string path, FileIdentity? database, string? key)
    {
        _path = path;
        _files = FileIdentity.IsKnown
            ?
            [
                new(path, FileIdentity.Name(path), database),
                .. new[] { path + "-wal", path + "-shm", path + ".lock", key }.OfType<string>().Select(WatchedFile.Now),
            ]
            : [];
    }

    /// <summary>Whether the database is where it was.</summary>
    public bool HasDatabase => _files.Length > 0 ? _files[0].IsThere : File.Exists(_path);

    /// <summary>Whether the log that lies beside the database is the one that is used.</summary>
    public bool HasLog => _files.Length > 0 && _files[1].IsThere;

    /// <summary>Names of those that are gone, or are other files now; null when all are as they were.</summary>
    public string? Moved
    {
        get
        {
            if (_files.Length == 0)
                return HasDatabase ? null : Path.GetFileName(_path);
            foreach (var file in _files)
            {
                if (!file.IsThere)
                {
                    var gone = _files.Where(other => other == file || !other.IsThere);
                    return string.Join(", ", gone.Select(other => Path.GetFileName(other.Path)));
                }
            }

            return null;
        }
    }

    private readonly record struct WatchedFile(string Path, byte[] Name, FileIdentity? Identity)
    {
        public bool IsThere => Identity is { } identity && FileIdentity.TryGet(Name) == identity;

        public static WatchedFile Now(string path)
        {
            var name = FileIdentity.Name(path);
            return new(path, name, FileIdentity.TryGet(name));
        }
    }
}
