using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>Keeps a second process off the journal: an operating system's lock on <c>&lt;journal.path&gt;.lock</c>, which ends with its process, however that ends.</summary>
/// <remarks>Who holds it stands in <c>&lt;journal.path&gt;.owner</c>, in a file of its own because the runtime lets nobody read one that is locked.</remarks>
internal sealed class OwnerLock : IDisposable
{
    // EWOULDBLOCK of Linux and of macOS, and Windows' sharing violation.
    private static readonly int[] HeldByAnother = [11, 35, unchecked((int)0x80070020)];

    private readonly FileStream _lock;
    private readonly string _ownerPath;

    private OwnerLock(FileStream held, string ownerPath) => (_lock, _ownerPath) = (held, ownerPath);

    /// <summary>Takes the lock; null while another process holds it.</summary>
    /// <exception cref="IOException">The disk does not allow it.</exception>
    public static OwnerLock? TryTake(JournalSettings settings, TimeProvider time)
    {
        FileStream held;
        try
        {
            held = new FileStream(settings.Path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (HeldByAnother.Contains(e.HResult))
        {
            return null;
        }

        try
        {
            File.WriteAllText(OwnerPath(settings), $"process {Environment.ProcessId} on {Environment.MachineName} since {time.GetUtcNow():yyyy-MM-ddTHH:mm:ssZ}");
            return new(held, OwnerPath(settings));
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Who holds the lock, as far as is known.</summary>
    public static string Holder(JournalSettings settings)
    {
        try
        {
            return File.ReadAllText(OwnerPath(settings));
        }
        catch (IOException)
        {
            return "another process"; // it has the lock and is about to write its name
        }
    }

    public void Dispose()
    {
        try
        {
            File.Delete(_ownerPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A name that stays behind is overwritten by the next owner.
        }

        _lock.Dispose();
    }

    private static string OwnerPath(JournalSettings settings) => settings.Path + ".owner";
}
