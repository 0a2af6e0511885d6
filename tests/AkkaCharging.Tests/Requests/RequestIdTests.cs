using AkkaCharging.Requests;
using CsCheck;

namespace AkkaCharging.Tests.Requests;

[Trait("Category", "Unit")]
public sealed class RequestIdTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Fact]
    public void EveryId_IsReadBackFromItsText() =>
        Gen.Guid.Sample(value =>
        {
            var id = new RequestId(value);

            Assert.True(RequestId.TryParse(id.ToString(), out var read));
            Assert.Equal(id, read);
        });

    [Fact]
    public void NewId_IsAUuidOfVersion7_AndSortsByTime()
    {
        var (first, second) = (RequestId.New(Now), RequestId.New(Now.AddMilliseconds(1)));

        Assert.Equal(7, first.Value.Version);
        Assert.StartsWith("req-", first.ToString(), StringComparison.Ordinal);
        Assert.True(string.CompareOrdinal(first.ToString(), second.ToString()) < 0);
    }

    [Fact]
    public void IdsOfOneMoment_Differ() =>
        Assert.Equal(1_000, Enumerable.Range(0, 1_000).Select(_ => RequestId.New(Now)).Distinct().Count());

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("req-")]
    [InlineData("0194263e-8f88-7c8a-8a5e-000000000001")]
    [InlineData("REQ-0194263e-8f88-7c8a-8a5e-000000000001")]
    [InlineData("req-0194263E-8F88-7C8A-8A5E-000000000001")]
    [InlineData("req-0194263e8f887c8a8a5e000000000001")]
    [InlineData("req-{0194263e-8f88-7c8a-8a5e-000000000001}")]
    [InlineData("req-0194263e-8f88-7c8a-8a5e-00000000000")]
    [InlineData("req-0194263e-8f88-7c8a-8a5e-0000000000011")]
    [InlineData("req-0194263e-8f88-7c8a-8a5e-00000000000g")]
    [InlineData("req- 0194263e-8f88-7c8a-8a5e-000000000001")]
    [InlineData("req-0194263e-8f88-7c8a-8a5e-000000000001\n")]
    [InlineData("req-+194263e-8f88-7c8a-8a5e-000000000001")]
    [InlineData("req-0x94263e-8f88-7c8a-8a5e-000000000001")]
    public void AnythingElse_IsRefused(string? text)
    {
        Assert.False(RequestId.TryParse(text, out var id));
        Assert.Equal(default, id);
    }
}
