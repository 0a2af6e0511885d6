using System.Globalization;
using AkkaCharging.Requests;

namespace AkkaCharging.Tests.Requests;

[Trait("Category", "Unit")]
public sealed class Rfc3339Tests
{
    [Theory]
    [InlineData("2026-01-31T18:00:00Z", "2026-01-31 18:00:00.0000000")]
    [InlineData("2026-01-31t18:00:00z", "2026-01-31 18:00:00.0000000")]
    [InlineData("2026-01-31T18:00:00.5+01:00", "2026-01-31 17:00:00.5000000")]
    [InlineData("2026-01-31T18:00:00.123456789Z", "2026-01-31 18:00:00.1234567")]
    [InlineData("2026-01-31T18:00:00.00000000099999999999999z", "2026-01-31 18:00:00.0000000")]
    [InlineData("2026-01-31T18:00:00-00:00", "2026-01-31 18:00:00.0000000")]
    [InlineData("2026-01-31T18:00:00+23:59", "2026-01-30 18:01:00.0000000")]
    [InlineData("2026-01-31T18:00:00-23:59", "2026-02-01 17:59:00.0000000")]
    [InlineData("2016-12-31T23:59:60Z", "2017-01-01 00:00:00.0000000")]
    [InlineData("2016-12-31T15:59:60.25-08:00", "2017-01-01 00:00:00.2500000")]
    [InlineData("2015-07-01T01:59:60+02:00", "2015-07-01 00:00:00.0000000")]
    [InlineData("9999-12-31T23:59:59-01:00", "9999-12-31 23:59:59.9999999")]
    [InlineData("9999-12-31T23:59:60Z", "9999-12-31 23:59:59.9999999")]
    [InlineData("0001-01-01T00:00:00+01:00", "0001-01-01 00:00:00.0000000")]
    public void ValidTime_IsRead(string text, string expected)
    {
        Assert.True(Rfc3339.TryParse(text, out var time));
        Assert.Equal(expected, time.ToString("yyyy-MM-dd HH:mm:ss.fffffff", CultureInfo.InvariantCulture));
        Assert.Equal(TimeSpan.Zero, time.Offset);
    }

    [Theory]
    [InlineData("")]
    [InlineData("2026-01-31")]
    [InlineData("2026-01-31T18:00:00")]
    [InlineData("2026-01-31 18:00:00Z")]
    [InlineData("2026-01-31T18:00Z")]
    [InlineData("2026-01-31T18:00:00.Z")]
    [InlineData("2026-01-31T18:00:00.5")]
    [InlineData("2026-01-31T18:00:00,5Z")]
    [InlineData("2026-01-31T18:00:00ZZ")]
    [InlineData("2026-01-31T18:00:00Z ")]
    [InlineData(" 2026-01-31T18:00:00Z")]
    [InlineData("2026-01-31T18:00:00+0100")]
    [InlineData("2026-01-31T18:00:00+1:00")]
    [InlineData("2026-01-31T18:00:00+24:00")]
    [InlineData("2026-01-31T18:00:00+01:60")]
    [InlineData("2026-01-31T18:00:00+-1:00")]
    [InlineData("2026-01-31T24:00:00Z")]
    [InlineData("2026-02-29T18:00:00Z")]
    [InlineData("2026-01-31T18:00:61Z")]
    [InlineData("2026-01-31T18:00:60Z")]
    [InlineData("2026-01-30T23:59:60Z")]
    [InlineData("2016-12-31T23:59:60+01:00")]
    [InlineData("0001-01-01T00:00:60+00:01")]
    [InlineData("0001-01-01T00:59:60+01:00")]
    [InlineData("\u0662026-01-31T18:00:00Z")]
    public void AnythingElse_IsRejected(string text) => Assert.False(Rfc3339.TryParse(text, out _));
}
