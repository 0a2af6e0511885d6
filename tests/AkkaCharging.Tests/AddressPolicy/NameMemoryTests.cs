using AkkaCharging.AddressPolicy;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.AddressPolicy;

[Trait("Category", "Unit")]
public sealed class NameMemoryTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly NameMemory<int> _memory;

    public NameMemoryTests() => _memory = new(capacity: 3, TimeSpan.FromSeconds(5), _time);

    [Fact]
    public void Name_IsRecalled_UntilItsTimeIsOver()
    {
        _memory.Remember("a.example.com", 1);
        _time.Advance(TimeSpan.FromSeconds(4.999));

        Assert.True(_memory.TryRecall("A.example.com", out var value));
        Assert.Equal(1, value);

        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.False(_memory.TryRecall("a.example.com", out _));
    }

    [Fact]
    public void FullMemory_ForgetsTheOldest()
    {
        foreach (var name in new[] { "a", "b", "c", "d" })
            _memory.Remember(name, 0);

        Assert.False(_memory.TryRecall("a", out _));
        Assert.True(_memory.TryRecall("b", out _));
        Assert.Equal(3, _memory.Count);
    }

    [Fact]
    public void RenewedName_OutlivesItsFirstEntry()
    {
        foreach (var name in new[] { "a", "b", "a", "c" })
            _memory.Remember(name, 0);

        Assert.True(_memory.TryRecall("a", out _));
        Assert.Equal(3, _memory.Count);
    }

    [Fact]
    public void ForgottenName_IsGone_AndNothingElseWithIt()
    {
        _memory.Remember("a", 0);
        _memory.Forget("a");
        _memory.Forget("never");
        _time.Advance(TimeSpan.FromSeconds(6));
        _memory.Remember("b", 0);

        Assert.False(_memory.TryRecall("a", out _));
        Assert.Equal(1, _memory.Count);
    }

    [Fact]
    public void ExpiredNames_LeaveRoom_WhenTheNextComes()
    {
        _memory.Remember("a", 0);
        _memory.Remember("b", 0);
        _time.Advance(TimeSpan.FromSeconds(5));
        _memory.Remember("c", 0);

        Assert.Equal(1, _memory.Count);
    }
}
