using AkkaCharging.Callbacks;
using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Callbacks;

[Trait("Category", "Unit")]
public sealed class WebhookSignerTests : IDisposable
{
    // The example of the Standard Webhooks libraries: secret, id, timestamp, body and signature.
    private const string Key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void PublishedExample_HasThePublishedSignature() => Assert.Equal(
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        WebhookSigner.Create(new([Key], "", Required: false)).Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "{\"test\": 2432232314}"u8.ToArray()));

    [Fact]
    public void NoKey_IsNoSignature() => Assert.Null(WebhookSigner.Create(new([], "", Required: false)).Sign("id", "1", []));

    [Fact]
    public void KeysOfTheFile_FollowThoseOfTheSettings()
    {
        File.WriteAllText(_file, $"  {Key}\r\n\n{Other(24)}\n");

        var signature = WebhookSigner.Create(new([Other(64)], _file, Required: true)).Sign("id", "1", [])!;

        Assert.Equal(
            ((string[])[Other(64), Key, Other(24)]).Select(key => WebhookSigner.Create(new([key], "", Required: false)).Sign("id", "1", [])),
            signature.Split(' '));
    }

    [Theory]
    [InlineData("")]
    [InlineData("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    [InlineData("whsec_not base64!")]
    [InlineData("whsec_AAAA")]
    public void FileThatHoldsNoKey_IsNamedInTheError(string content)
    {
        File.WriteAllText(_file, content);

        var error = Assert.Throws<InvalidSettingsException>(() => WebhookSigner.Create(new([], _file, Required: false)));

        Assert.Contains(_file, error.Message, StringComparison.Ordinal);
        if (content.Length > 0)
            Assert.DoesNotContain(content, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MissingFile_IsNamedInTheError() =>
        Assert.Contains("/missing/keys", Assert.Throws<InvalidSettingsException>(() => WebhookSigner.Create(new([], "/missing/keys", Required: false))).Message, StringComparison.Ordinal);

    [Fact]
    public void KeyOfAWrongLength_IsRefused() =>
        Assert.All((int[])[23, 65], length => Assert.Throws<FormatException>(() => WebhookSigner.Create(new([Other(length)], "", Required: false))));

    private static string Other(int length) => "whsec_" + Convert.ToBase64String(Enumerable.Repeat((byte)7, length).ToArray());
}
