using AkkaCharging.Journal.Encryption;
using AkkaCharging.Tests.Settings;

namespace AkkaCharging.Tests.Journal.Encryption;

[Trait("Category", "Unit")]
public sealed class EncryptionKeyTests
{
    /// <summary>Journals name the keys that they need by it.</summary>
    [Fact]
    public void Id_IsTheSameInEveryVersion() =>
        Assert.Equal("6e9902b7f54582ce", EncryptionKey.TryParse(SettingsTable.EncryptionKey)!.Id);

    [Theory]
    [InlineData("")]
    [InlineData("short")]
    [InlineData("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZQ==")] // 31 bytes
    [InlineData("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYw")] // 33 bytes
    [InlineData("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZW!=")]
    public void TextThatIsNot32BytesInBase64_IsNoKey(string text) => Assert.Null(EncryptionKey.TryParse(text));

    [Fact]
    public void GeneratedKeys_AreKeys_AndEachIsAnother()
    {
        var (first, second) = (EncryptionKey.Generate(), EncryptionKey.Generate());

        Assert.Equal(first, EncryptionKey.TryParse(first)?.Text);
        Assert.Equal(second, EncryptionKey.TryParse(second)?.Text);
        Assert.NotEqual(first, second);
    }
}
