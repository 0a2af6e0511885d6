namespace AkkaCharging.Scenarios.PowerCuts;

/// <summary>What becomes of writes that were not synced when the power is cut.</summary>
internal enum Unsynced
{
    /// <summary>None reached the disk.</summary>
    Dropped,

    /// <summary>Some did, in any order.</summary>
    Reordered,

    /// <summary>Some sectors of some did, in any order.</summary>
    Torn,
}

/// <summary>
/// A disk that keeps what was synced, and of everything else what it likes. Files appear, shrink and disappear at once:
/// the folder is synced after the log was made in it.
/// </summary>
/// <remarks>
/// What a failed sync did not keep is lost for good, as Linux has it: the system counts these pages as written, so that
/// only a write of the same bytes, and a sync after it, brings them to the disk. The service reads them meanwhile as if
/// nothing had happened. A failed sync loses only what was written through its own descriptor: Linux tells every
/// descriptor of the file that pages are lost (fsync(2), since 4.13), and strace injects the failure into one. Where
/// the next sync of another descriptor succeeds, no page of that one was lost.
/// </remarks>
internal sealed class Disk
{
    private const int Sector = 512;
    private readonly Dictionary<string, MemoryStream> _synced = new(StringComparer.Ordinal);
    private readonly List<Written> _unsynced = [];

    /// <summary>Whether anything is left to chance.</summary>
    public bool HasUnsynced => _unsynced.Count > 0;

    public void Apply(DiskEvent happened)
    {
        switch (happened)
        {
            case Written written:
                _unsynced.Add(written);
                break;
            case Synced sync:
                foreach (var written in _unsynced.Where(IsCovered))
                    Put(_synced, written.File, written.Offset, written.Bytes);
                _unsynced.RemoveAll(IsCovered);
                break;

                bool IsCovered(Written written) => Covers(sync.File, sync.BeganAt, written);
            case SyncFailed sync:
                _unsynced.RemoveAll(written =>
                    written.Descriptor == sync.Descriptor && Covers(sync.File, sync.BeganAt, written)
                );
                break;
            case Truncated truncated:
                if (_synced.TryGetValue(truncated.File, out var content) && content.Length > truncated.Length)
                    content.SetLength(truncated.Length);
                _unsynced.RemoveAll(written =>
                    string.Equals(written.File, truncated.File, StringComparison.Ordinal)
                    && written.Offset >= truncated.Length
                );
                break;
            case Removed removed:
                _synced.Remove(removed.File);
                _unsynced.RemoveAll(written => string.Equals(written.File, removed.File, StringComparison.Ordinal));
                break;
        }
    }

    /// <summary>The files that are found after a power cut at this moment.</summary>
    public Dictionary<string, byte[]> CutPower(Unsynced unsynced, Random random)
    {
        var files = new Dictionary<string, MemoryStream>(StringComparer.Ordinal);
        foreach (var (file, content) in _synced)
            content.WriteTo(files[file] = new MemoryStream((int)content.Length));
        if (unsynced != Unsynced.Dropped)
            WriteSome(files, unsynced == Unsynced.Torn, random);
        return files.ToDictionary(file => file.Key, file => file.Value.ToArray(), StringComparer.Ordinal);
    }

    /// <summary>Half of what was not synced, by writes or by sectors.</summary>
    private void WriteSome(Dictionary<string, MemoryStream> files, bool isTorn, Random random)
    {
        foreach (var written in _unsynced)
        {
            for (var start = 0; start < written.Bytes.Length; )
            {
                var length = isTorn
                    ? (int)Math.Min(Sector - ((written.Offset + start) % Sector), written.Bytes.Length - start)
                    : written.Bytes.Length;
                if (random.Next(2) == 0)
                    Put(files, written.File, written.Offset + start, written.Bytes.AsSpan(start, length));
                start += length;
            }
        }
    }

    private static bool Covers(string file, int beganAt, Written written) =>
        string.Equals(written.File, file, StringComparison.Ordinal) && written.ReturnedAt < beganAt;

    private static void Put(Dictionary<string, MemoryStream> files, string file, long offset, ReadOnlySpan<byte> bytes)
    {
        if (!files.TryGetValue(file, out var content))
            files.Add(file, content = new MemoryStream());
        content.Position = offset;
        content.Write(bytes);
    }
}
