using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Unit")]
public sealed class DeadLetterCursorTests
{
    [Fact]
    public void Text_IsReadBack()
    {
        var cursor = new DeadLetterCursor(Sample.Now.AddTicks(7), RequestId.New(Sample.Now));

        Assert.True(DeadLetterCursor.TryParse(cursor.ToString(), out var read));

        Assert.Equal(cursor, read);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("1_req-1")]
    [InlineData("-1_req-01900000-0000-7000-8000-000000000000")]
    [InlineData("9223372036854775807_req-01900000-0000-7000-8000-000000000000")]
    [InlineData("soon_req-01900000-0000-7000-8000-000000000000")]
    [InlineData("1_req-01900000-0000-7000-8000-000000000000_1")]
    public void AnythingElse_IsRefused(string? text) => Assert.False(DeadLetterCursor.TryParse(text, out _));

    [Theory]
    [InlineData(0)]
    [InlineData(3_155_378_975_999_999_999)] // DateTimeOffset.MaxValue
    public void FirstAndLastMoment_AreRead(long ticks)
    {
        Assert.True(DeadLetterCursor.TryParse($"{ticks}_req-01900000-0000-7000-8000-000000000000", out var read));

        Assert.Equal(ticks, read.SettledAt.UtcTicks);
    }
}
