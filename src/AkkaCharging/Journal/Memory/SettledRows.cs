using AkkaCharging.Requests;

namespace AkkaCharging.Journal.Memory;

/// <summary>
/// Settled requests that can no longer change, those of each caller in the order in which they settled.
/// </summary>
/// <remarks>
/// Up to a million rows are kept, and an object for each would be copied twice by the garbage collector before it is
/// old. So rows are bytes in chunks, which the collector copies at once and never looks into. Not safe to share between
/// threads.
/// </remarks>
internal sealed class SettledRows
{
    /// <summary>Bytes of a full chunk, below the size of the objects that only full collections free.</summary>
    public const int ChunkBytes = 64 << 10;

    /// <summary>The memory of a row beyond its own bytes: its entry in the index.</summary>
    private const int IndexBytes = 48;
    private const int FirstChunkBytes = 2 << 10;
    private const int SpareChunksMax = 32;

    private readonly Dictionary<RequestId, Place> _index = [];
    private readonly Dictionary<string, LinkedList<int>> _callers = new(StringComparer.Ordinal);
    private readonly List<Chunk?> _chunks = []; // by number; the index has numbers, which are no work for the collector
    private readonly Stack<int> _freeNumbers = [];
    private readonly Stack<byte[]> _spare = [];
    private readonly MemoryStream _scratch = new();
    private readonly BinaryWriter _writer;

    public SettledRows() => _writer = new(_scratch);

    /// <summary>The chunks, to be copied one at a time.</summary>
    public IReadOnlyList<Chunk> Chunks => [.. _chunks.OfType<Chunk>()];

    /// <summary>Adds a request that settled after all others.</summary>
    /// <param name="settledSince">When the request settled, by the monotonic clock.</param>
    /// <param name="claimHash">The hash of the idempotency key that the request was accepted with; null without
    /// one.</param>
    /// <returns>The memory of the row, in bytes.</returns>
    public int Add(RequestRecord record, long settledSince, string? claimHash)
    {
        _scratch.SetLength(0);
        SettledRow.Write(_writer, record, settledSince, claimHash);
        var row = _scratch.GetBuffer().AsSpan(0, (int)_scratch.Length);
        var (number, chunk) = Room(record.ApiKeyName ?? "", row.Length);
        _index.Add(record.Id, new(number, chunk.End));
        chunk.Append(row);
        return Memory(row.Length, claimHash);
    }

    public bool Contains(RequestId id) => _index.ContainsKey(id);

    /// <summary>Returns a request; null when there is none with the id.</summary>
    public RequestRecord? Find(RequestId id) =>
        _index.TryGetValue(id, out var place) ? SettledRow.Read(_chunks[place.Chunk]!.Bytes, place.Offset) : null;

    /// <summary>
    /// Returns when the oldest request of a caller settled, by the monotonic clock; null without one.
    /// </summary>
    public long? OldestSince(string caller) =>
        _callers.TryGetValue(caller, out var chunks)
            ? SettledRow.SettledSince(_chunks[chunks.First!.Value]!.First)
            : null;

    /// <summary>Removes the oldest request of a caller that has one.</summary>
    public RemovedRow RemoveOldest(string caller)
    {
        var numbers = _callers[caller];
        var chunk = _chunks[numbers.First!.Value]!;
        var row = chunk.First;
        var claimHash = SettledRow.ClaimHash(chunk.Bytes, chunk.Start);
        var removed = new RemovedRow(
            SettledRow.Id(row),
            SettledRow.State(row),
            Memory(SettledRow.Length(row), claimHash),
            claimHash
        );
        _index.Remove(removed.Id);
        chunk.RemoveFirst();
        if (!chunk.IsEmpty)
            return removed;
        Free(numbers.First.Value);
        numbers.RemoveFirst();
        if (numbers.Count == 0)
            _callers.Remove(caller);
        return removed;
    }

    private static int Memory(int length, string? claimHash) =>
        length + IndexBytes + (claimHash is null ? 0 : Claim.Bytes);

    private (int Number, Chunk Chunk) Room(string caller, int length)
    {
        if (!_callers.TryGetValue(caller, out var numbers))
            _callers[caller] = numbers = [];
        var last = numbers.Last is { Value: var newest } ? _chunks[newest] : null;
        if (last?.HasRoom(length) == true)
            return (numbers.Last!.Value, last);

        // Callers with few requests have small chunks: there may be many of them.
        var usual = last is null ? FirstChunkBytes : Math.Min(ChunkBytes, 2 * last.Bytes.Length);
        var size = Math.Max(usual, length);
        var chunk = new Chunk(size == ChunkBytes && _spare.TryPop(out var spare) ? spare : new byte[size]);
        if (_freeNumbers.TryPop(out var number))
            _chunks[number] = chunk;
        else
        {
            number = _chunks.Count;
            _chunks.Add(chunk);
        }

        numbers.AddLast(number);
        return (number, chunk);
    }

    private void Free(int number)
    {
        if (_chunks[number]!.Bytes is { Length: ChunkBytes } bytes && _spare.Count < SpareChunksMax)
            _spare.Push(bytes);
        _chunks[number] = null;
        _freeNumbers.Push(number);
    }

    /// <summary>Rows of one caller, one after another.</summary>
    internal sealed class Chunk(byte[] bytes)
    {
        public byte[] Bytes => bytes;

        /// <summary>Offset of the oldest row.</summary>
        public int Start { get; private set; }

        /// <summary>Offset of the next row to be added.</summary>
        public int End { get; private set; }

        public bool IsEmpty => Start == End;

        /// <summary>The oldest row, and what follows it.</summary>
        public ReadOnlySpan<byte> First => bytes.AsSpan(Start);

        public bool HasRoom(int length) => bytes.Length - End >= length;

        public void Append(ReadOnlySpan<byte> row)
        {
            row.CopyTo(bytes.AsSpan(End));
            End += row.Length;
        }

        public void RemoveFirst() => Start += SettledRow.Length(First);

        /// <summary>Copies the rows, so that they can be read while others are added and removed.</summary>
        public byte[] Copy() => bytes[Start..End];
    }

    private readonly record struct Place(int Chunk, int Offset);
}

/// <summary>A settled request that left the journal.</summary>
/// <param name="Bytes">The memory that it took.</param>
/// <param name="ClaimHash">The hash of the idempotency key that it was accepted with; null without one.</param>
internal readonly record struct RemovedRow(RequestId Id, RequestState State, int Bytes, string? ClaimHash);
