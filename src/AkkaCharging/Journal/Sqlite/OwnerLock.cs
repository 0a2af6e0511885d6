using AkkaCharging.Files;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>
/// Keeps a second process from using the journal, with operating system locks that end with their process.
/// </summary>
/// <remarks>
/// On Linux the decisive lock is on the database file itself, on a byte far beyond those that SQLite locks: the file
/// has one owner, regardless of the path that leads to it and of what happens to the files next to it.
/// <c>&lt;journal.path&gt;.lock</c> is locked too, for the time before the database exists and against versions that
/// use only this lock. On other systems it is the only lock, and a lock of the .NET runtime. The holder's name is in
/// <c>&lt;journal.path&gt;.owner</c>, because not every system allows a locked file to be read.
/// </remarks>
internal sealed class OwnerLock : IDisposable
{
    private const long OwnersByte = 1L << 62;

    // The bytes that SQLite's connections lock as long as they are open.
    private const long SharedBytes = 0x4000_0002;
    private const long SharedBytesLength = 510;

    // EWOULDBLOCK on Linux and on macOS, and the sharing violation on Windows.
    private static readonly int[] HeldByAnother = [11, 35, unchecked((int)0x80070020)];

    private readonly string _path;
    private readonly FileStream _database;
    private readonly string _name;
    private FileStream _lock;

    private OwnerLock(string path, FileStream held, FileStream database, string name) =>
        (_path, _lock, _database, _name) = (path, held, database, name);

    /// <summary>
    /// The identity of the owned database file, wherever it lies now; null where the system provides none.
    /// </summary>
    public FileIdentity? Database => FileIdentity.IsKnown ? FileIdentity.TryGet(_database.SafeFileHandle) : null;

    /// <summary>Whether any SQLite connection has the database open, of this process or of another one.</summary>
    public bool IsDatabaseInUse =>
        FileLock.IsSupported && FileLock.IsHeld(_database.SafeFileHandle, SharedBytes, SharedBytesLength);

    /// <summary>
    /// Takes the lock, creating an empty database file if there is none; null while another process holds it.
    /// </summary>
    /// <exception cref="IOException">The disk rejects the operation.</exception>
    public static OwnerLock? TryTake(JournalSettings settings, TimeProvider time)
    {
        var path = SqliteFile.RealPath(settings.Path);
        var held = TryLockBeside(path, out var isDecided);
        if (held is null && isDecided)
            return null;
        FileStream? database = null;
        try
        {
            const FileShare Anything = FileShare.ReadWrite | FileShare.Delete;
            database = PrivateFile.Open(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, Anything);
            held ??= TryLockInstead(path, database);
            if (held is not null && (!FileLock.IsSupported || FileLock.TryTake(database.SafeFileHandle, OwnersByte, 1)))
            {
                var name =
                    $"process {Environment.ProcessId} on {Environment.MachineName} "
                    + $"since {time.GetUtcNow():yyyy-MM-ddTHH:mm:ssZ}";
                WriteName(path, name);
                return new(path, held, database, name);
            }
        }
        catch
        {
            held?.Dispose();
            database?.Dispose();
            throw;
        }

        held?.Dispose();
        database.Dispose();
        return null;
    }

    /// <summary>Describes the holder of the lock, as far as is known.</summary>
    public static string Holder(JournalSettings settings)
    {
        try
        {
            return File.ReadAllText(SqliteFile.RealPath(settings.Path) + ".owner");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "another process"; // it has the lock and is about to write its name
        }
    }

    /// <summary>Locks the <c>.lock</c> file that exists now, when the locked one was removed or replaced.</summary>
    /// <returns>False while another process, which is about to find the database owned, holds the lock.</returns>
    public bool TryRenew()
    {
        if (!FileIdentity.IsKnown)
            return true;
        if (FileIdentity.TryGet(FileIdentity.Name(_path + ".lock")) == FileIdentity.TryGet(_lock.SafeFileHandle))
            return true;
        if (TryLockBeside(_path, out _) is not { } anew)
            return false;
        _lock.Dispose();
        _lock = anew;
        WriteName(_path, _name);
        return true;
    }

    public void Dispose()
    {
        try
        {
            if (string.Equals(File.ReadAllText(_path + ".owner"), _name, StringComparison.Ordinal))
                File.Delete(_path + ".owner");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next owner overwrites a name that stays behind.
        }

        _lock.Dispose();
        _database.Dispose();
    }

    /// <summary>
    /// Takes the lock when only a reader of the <c>.lock</c> file holds it and no process has the database open. The
    /// file is replaced; the reader keeps the old one.
    /// </summary>
    private static FileStream? TryLockInstead(string path, FileStream database)
    {
        if (
            FileLock.IsHeld(database.SafeFileHandle, OwnersByte, 1)
            || FileLock.IsHeld(database.SafeFileHandle, SharedBytes, SharedBytesLength)
        )
        {
            return null;
        }

        File.Delete(path + ".lock");
        return TryLockBeside(path, out _);
    }

    /// <param name="isDecided">False when only the runtime's lock is held, which any user who may read the file can
    /// take.</param>
    private static FileStream? TryLockBeside(string path, out bool isDecided)
    {
        isDecided = true;
        FileStream held;
        try
        {
            // The runtime's shared lock keeps out versions that take its exclusive lock.
            var share = FileLock.IsSupported ? FileShare.ReadWrite : FileShare.None;
            held = PrivateFile.Open(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, share);
        }
        catch (IOException e) when (HeldByAnother.Contains(e.HResult))
        {
            isDecided = !FileLock.IsSupported;
            return null;
        }

        try
        {
            if (!FileLock.IsSupported || FileLock.TryTake(held.SafeFileHandle, start: 0, length: 0))
                return held;
        }
        catch
        {
            held.Dispose();
            throw;
        }

        held.Dispose();
        return null;
    }

    private static void WriteName(string path, string name)
    {
        using var owner = new StreamWriter(
            PrivateFile.Open(path + ".owner", FileMode.Create, FileAccess.Write, FileShare.Read)
        );
        owner.Write(name);
    }
}
