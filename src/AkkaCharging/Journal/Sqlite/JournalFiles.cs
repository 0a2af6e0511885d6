using AkkaCharging.Files;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>
/// The files that an open journal uses, to detect when one of them was removed or replaced: an open file remains
/// writable long after it was removed.
/// </summary>
/// <remarks>
/// A check is one system call per file and opens none of them. Where the system provides no file identities (anything
/// but 64-bit Linux), only the existence of the database is checked; Windows does not allow an open file to be removed.
/// </remarks>
internal sealed class JournalFiles
{
    private readonly string _path;
    private readonly WatchedFile[] _files;

    /// <summary>Records the files that exist now.</summary>
    /// <param name="path">Path of the database, without symbolic links.</param>
    /// <param name="database">Identity of the open database file, so that a file that has replaced it is not taken for
    /// it.</param>
    /// <param name="key">Path of the generated key; null when the journal uses none.</param>
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

    /// <summary>Whether the database is still at its path.</summary>
    public bool HasDatabase => _files.Length > 0 ? _files[0].IsThere : File.Exists(_path);

    /// <summary>Whether the log next to the database is the one in use.</summary>
    public bool HasLog => _files.Length > 0 && _files[1].IsThere;

    /// <summary>The names of the files that were removed or replaced; null when all are in place.</summary>
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
