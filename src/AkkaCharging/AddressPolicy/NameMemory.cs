using System.Diagnostics.CodeAnalysis;

namespace AkkaCharging.AddressPolicy;

/// <summary>
/// Caches a value for each of the latest names: at most <paramref name="capacity"/> of them, each for
/// <paramref name="lifetime"/>.
/// </summary>
/// <remarks>Not thread-safe. All entries have the same lifetime, so the oldest always expires first.</remarks>
internal sealed class NameMemory<T>(int capacity, TimeSpan lifetime, TimeProvider time)
{
    private sealed record Entry(string Name, T Value, long Since);

    private readonly Dictionary<string, Entry> _entries = new(StringComparer.OrdinalIgnoreCase);
    private readonly Queue<Entry> _oldestFirst = new();

    public int Count => _entries.Count;

    public void Remember(string name, T value)
    {
        var entry = new Entry(name, value, time.GetTimestamp());
        _entries[name] = entry;
        _oldestFirst.Enqueue(entry);
        while (_oldestFirst.Count > capacity || IsOver(_oldestFirst.Peek()))
        {
            // An entry that was renewed or removed since is no longer the one in the dictionary.
            var oldest = _oldestFirst.Dequeue();
            if (_entries.TryGetValue(oldest.Name, out var current) && ReferenceEquals(current, oldest))
                _entries.Remove(oldest.Name);
        }
    }

    public bool TryRecall(string name, [MaybeNullWhen(false)] out T value)
    {
        var known = _entries.TryGetValue(name, out var entry) && !IsOver(entry);
        value = known ? entry!.Value : default;
        return known;
    }

    public void Forget(string name) => _entries.Remove(name);

    private bool IsOver(Entry entry) => time.GetElapsedTime(entry.Since) >= lifetime;
}
