using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;

namespace AkkaCharging.Bench.Receiver;

/// <summary>
/// What the driver and the receiver share: when each request's callback arrived, and how the receiver is to behave.
/// </summary>
/// <remarks>
/// A memory-mapped file, so that neither pays for the other's questions. A request is known by its sequence number,
/// which the driver writes into the last twelve digits of the station id and the receiver reads out of the callback's
/// body. Times are of <see cref="System.Diagnostics.Stopwatch"/>: on Linux one clock for all processes of a machine.
/// </remarks>
public sealed unsafe class Ledger : IDisposable
{
    /// <summary>Sequence numbers that fit. The file is sparse: what is not used takes no memory.</summary>
    public const int Capacity = 1 << 27;

    private const int HeaderLongs = 512;
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly long* _longs;

    private Ledger(MemoryMappedFile file)
    {
        _file = file;
        _view = file.CreateViewAccessor();
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _longs = (long*)start;
    }

    /// <summary>Requests whose callback arrived at least once.</summary>
    public ref long Received => ref Header(0);

    /// <summary>Callbacks of requests that had one already.</summary>
    public ref long Duplicates => ref Header(1);

    /// <summary>First callbacks with the status <c>allowed</c>.</summary>
    public ref long Allowed => ref Header(2);

    /// <summary>First callbacks with the status <c>not_allowed</c>.</summary>
    public ref long NotAllowed => ref Header(3);

    /// <summary>First callbacks with the status <c>unknown</c>.</summary>
    public ref long Unknown => ref Header(4);

    /// <summary>Callbacks that are not what the contract has.</summary>
    public ref long Malformed => ref Header(5);

    /// <summary>Callbacks and questions to the authorizer that hang at this moment.</summary>
    public ref long Hanging => ref Header(6);

    /// <summary>Destinations from this number on hang; <see cref="long.MaxValue"/> for none.</summary>
    public ref long HangFrom => ref Header(7);

    /// <summary>How the authorizer behaves: an <see cref="AuthorizerMode"/>.</summary>
    public ref long Authorizer => ref Header(8);

    /// <summary>
    /// Destinations from this number on fail the first two attempts of each request; <see cref="long.MaxValue"/> for
    /// none.
    /// </summary>
    public ref long FailTwiceFrom => ref Header(9);

    /// <summary>Attempts that were answered 500 because of <see cref="FailTwiceFrom"/>.</summary>
    public ref long Failed => ref Header(10);

    /// <summary>Makes a new one.</summary>
    public static Ledger Create(string path)
    {
        using (var file = new FileStream(path, FileMode.CreateNew))
            file.SetLength((HeaderLongs + (long)Capacity) * sizeof(long));
        var ledger = Open(path);
        ledger.HangFrom = long.MaxValue;
        ledger.FailTwiceFrom = long.MaxValue;
        return ledger;
    }

    /// <summary>Opens the other's.</summary>
    public static Ledger Open(string path) => new(MemoryMappedFile.CreateFromFile(path, FileMode.Open));

    /// <summary>When the first callback of a request arrived; 0 for not yet.</summary>
    public ref long ArrivedAt(int sequence)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sequence);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(sequence, Capacity);
        return ref Unsafe.AsRef<long>(_longs + HeaderLongs + sequence);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    private ref long Header(int index) => ref Unsafe.AsRef<long>(_longs + index);
}

/// <summary>How the receiver answers when it is asked as an authorizer.</summary>
public enum AuthorizerMode
{
    /// <summary><c>allowed</c> at once.</summary>
    Allows,

    /// <summary>Nothing, until it is told otherwise.</summary>
    Hangs,

    /// <summary>500 at once.</summary>
    Fails,
}
