using AkkaCharging.Files;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>Keeps a second process off the journal: an operating system's locks, which end with their process, however
/// that ends.</summary>
/// <remarks>
/// On Linux the lock that decides is on the database file itself, on a byte far behind all that SQLite locks: whichever
/// path leads to the file, and whatever becomes
/// of the files beside it, it has one owner. <c>&lt;journal.path&gt;.lock</c> is locked as well, before there is a
/// database, and against versions that knew no
/// other. Elsewhere it is the only lock, and the runtime's. Who holds the journal stands in
/// <c>&lt;journal.path&gt;.owner</c>, because not every system lets a locked file be read.
/// </remarks>
internal sealed class OwnerLock : IDisposable
{
    private const long OwnersByte = 1L << 62;

    // Where SQLite's connections hold their locks as long as they are open.
    private const long SharedBytes = 0x4000_0002;
    private const long SharedBytesLength = 510;

    // EWOULDBLOCK of Linux and of macOS, and Windows' sharing violation.
    private static readonly int[] HeldByAnother = [11, 35, unchecked((int)0x80070020)];

    private readonly string _path;
    private readonly FileStream _database;
    private readonly string _name;
    private FileStream _lock;

    private OwnerLock(string path, FileStream held, FileStream database, string name) =>
        (_path, _lock, _database, _name) = (path, held, database, name);

    /// <summary>The database file that is owned, wherever it lies now; null where the system does not tell.</summary>
    public FileIdentity? Database => FileIdentity.IsKnown ? FileIdentity.TryGet(_database.SafeFileHandle) : null;

    /// <summary>Takes the lock, and makes an empty database file if there is none; null while another process holds
    /// it.</summary>
    /// <exception cref="IOException">The disk does not allow it.</exception>
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

    /// <summary>Who holds the lock, as far as is known.</summary>
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

    /// <summary>Locks the <c>.lock</c> that lies there now, when the one that was locked was removed or
    /// replaced.</summary>
    /// <returns>False while another process, which is about to find the database owned, has it.</returns>
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
            // A name that stays behind is overwritten by the next owner.
        }

        _lock.Dispose();
        _database.Dispose();
    }

    /// <summary>When a reader of the <c>.lock</c> holds it: nobody has the database open, then. The reader keeps the
    /// file that is removed here.</summary>
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

    /// <param name="isDecided">False when it is only the runtime's lock that somebody has, which whoever may read the
    /// file can take.</param>
    private static FileStream? TryLockBeside(string path, out bool isDecided)
    {
        isDecided = true;
        FileStream held;
        try
        {
            // The runtime's shared lock keeps versions off that take its exclusive one.
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
