namespace AkkaCharging.Journal.Sqlite;

/// <summary>Files of an open journal were removed or replaced.</summary>
internal sealed class JournalMovedException(string message) : Exception(message);

/// <summary>Another owner has opened the journal in the meantime: this process can never write to it again.</summary>
internal sealed class JournalTakenException(string path)
    : Exception(
        $"The journal {path} was taken over by another process: this one can no longer write to it and "
            + "accepts no requests. Stop it; the other process resumes its accepted requests."
    );
