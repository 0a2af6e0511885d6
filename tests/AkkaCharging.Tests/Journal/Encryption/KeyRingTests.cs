using AkkaCharging.Journal;
using AkkaCharging.Journal.Encryption;

namespace AkkaCharging.Tests.Journal.Encryption;

[Trait("Category", "Unit")]
public sealed class KeyRingTests
{
    private static readonly byte[] Row = "row"u8.ToArray();
    private static readonly EncryptionKey First = Key(1);
    private static readonly EncryptionKey Second = Key(2);
    private readonly KeyRing _keys = new([First, Second]);

    [Fact]
    public void SealedText_IsAnotherEachTime_AndOpensForItsRowAlone()
    {
        var (once, again) = (_keys.Seal("text"u8, Row), _keys.Seal("text"u8, Row));

        Assert.NotEqual(once, again);
        Assert.Equal("text"u8.ToArray(), _keys.Open(once, Row));
        Assert.Equal("text"u8.ToArray(), _keys.Open(again, Row));
        var moved = Assert.Throws<InvalidJournalException>(() => _keys.Open(once, "another row"u8));
        Assert.Contains($"key {First.Id} was changed or moved", moved.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void EmptyText_IsSealedToo() => Assert.Empty(_keys.Open(_keys.Seal([], Row), Row));

    [Fact]
    public void SecretThatIsCutAnywhere_DoesNotOpen()
    {
        var secret = _keys.Seal("text"u8, Row);

        for (var length = 0; length < secret.Length; length++)
        {
            var cut = secret[..length];
            var invalid = Assert.Throws<InvalidJournalException>(() => _keys.Open(cut, Row));
            Assert.Contains(
                length < EncryptionKey.IdBytes ? "not among the configured keys" : "was changed or moved",
                invalid.Message,
                StringComparison.Ordinal
            );
        }
    }

    [Fact]
    public void FirstKeySeals_AndEachOpens()
    {
        var turned = new KeyRing([Second, First]);
        var (old, young) = (_keys.Seal("old"u8, Row), turned.Seal("young"u8, Row));

        Assert.Equal((First.Id, Second.Id), (KeyRing.KeyIdOf(old), KeyRing.KeyIdOf(young)));
        Assert.Equal((First.Id, Second.Id), (_keys.WritingKeyId, turned.WritingKeyId));
        Assert.Equal("old"u8.ToArray(), turned.Open(old, Row));
        Assert.Equal("young"u8.ToArray(), _keys.Open(young, Row));
    }

    [Fact]
    public void KeyThatIsNotInTheRing_IsNamed_WithThoseThatAre()
    {
        var other = Key(3);
        var secret = new KeyRing([other]).Seal("text"u8, Row);

        var invalid = Assert.Throws<InvalidJournalException>(() => _keys.Open(secret, Row));

        Assert.Equal(
            $"The journal is encrypted with key {other.Id}, which is not among the configured keys "
                + $"({First.Id}, {Second.Id}).",
            invalid.Message
        );
        Assert.False(_keys.Contains(other.Id));
        Assert.True(_keys.Contains(Second.Id));
    }

    private static EncryptionKey Key(byte content) => new([.. Enumerable.Repeat(content, EncryptionKey.KeyBytes)]);
}
