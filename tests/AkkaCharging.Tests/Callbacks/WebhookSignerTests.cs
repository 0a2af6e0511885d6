using AkkaCharging.Callbacks;
using AkkaCharging.Files;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Callbacks;

[Trait("Category", "Unit")]
public sealed class WebhookSignerTests : IDisposable
{
    // The example of the Standard Webhooks libraries: secret, id, timestamp, body and signature.
    private const string Key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    private readonly string _file = Path.GetTempFileName();
    private readonly FakeTimeProvider _time = new();
    private readonly List<SigningReload> _reloads = [];

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void PublishedExample_HasThePublishedSignature() =>
        Assert.Equal(
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            Signer(Key).Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "{\"test\": 2432232314}"u8.ToArray())
        );

    [Fact]
    public void NoKey_IsNoSignature() => Assert.Null(Signer().Sign("id", "1", []));

    [Fact]
    public void KeysOfTheFile_FollowThoseOfTheSettings()
    {
        File.WriteAllText(_file, $"  {Key}\r\n\n{Other(24)}\n");

        using var signer = Watching(Other(64));

        AssertSignedBy(signer, Other(64), Key, Other(24));
    }

    [Theory]
    [InlineData("")]
    [InlineData("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    [InlineData("whsec_not base64!")]
    [InlineData("whsec_AAAA")]
    public void FileThatHoldsNoKey_IsNamedInTheError(string content)
    {
        File.WriteAllText(_file, content);

        var error = Assert.Throws<InvalidSettingsException>(() => Watching());

        Assert.Contains(_file, error.Message, StringComparison.Ordinal);
        if (content.Length > 0)
            Assert.DoesNotContain(content, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MissingFile_StopsTheStart_AndIsNamed() =>
        Assert.Contains(
            "/missing/keys",
            Assert
                .Throws<InvalidSettingsException>(() =>
                    new WebhookSigner(new([], "/missing/keys", Required: true), _time)
                )
                .Message,
            StringComparison.Ordinal
        );

    [Fact]
    public void KeyOfAWrongLength_IsRefused() =>
        Assert.All((int[])[23, 65], length => Assert.Throws<FormatException>(() => Signer(Other(length))));

    [Fact]
    public void MoreKeysThanAHeaderShouldCarry_AreRefused()
    {
        File.WriteAllText(_file, string.Concat(Enumerable.Repeat(Key + "\n", 15)));

        Watching(Other(24)).Dispose();
        var error = Assert.Throws<InvalidSettingsException>(() => Watching(Other(24), Other(25)));

        Assert.Equal("callback.signing names 17 keys; expected at most 16.", error.Problems.Single());
    }

    [Theory]
    [InlineData(false, "longer than 65536 characters")]
    [InlineData(true, "it is not a regular file")]
    public void HugeFileOrDevice_IsNotReadToItsEnd(bool isDevice, string problem)
    {
        using (var huge = File.Create(_file))
            huge.SetLength(1L << 32);

        Assert.Contains(
            problem,
            Assert
                .Throws<InvalidSettingsException>(() =>
                    new WebhookSigner(new([], isDevice ? "/dev/zero" : _file, Required: false), _time)
                )
                .Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task PipeInPlaceOfTheFile_KeepsTheKeys_AndAFileAgainIsTakenUp()
    {
        File.WriteAllText(_file, Key);
        using var signer = Watching();

        await Pipes.MakeAsync(_file);
        await PollAsync(signer, times: 5);
        AssertSignedBy(signer, Key);
        Assert.Contains("it is not a regular file", Assert.Single(_reloads).Problem, StringComparison.Ordinal);

        File.Delete(_file);
        File.WriteAllText(_file, Other(24));
        await PollAsync(signer, times: 2);
        AssertSignedBy(signer, Other(24));
    }

    [Fact]
    public async Task ChangedFile_IsInForceAfterTwoPollsThatAgree_AndKeepsTheKeysOfTheSettings()
    {
        File.WriteAllText(_file, Key);
        using var signer = Watching(Other(64));

        File.WriteAllText(_file, $"{Key}\n{Other(24)}\n");
        await PollAsync(signer);
        AssertSignedBy(signer, Other(64), Key);
        await PollAsync(signer);
        AssertSignedBy(signer, Other(64), Key, Other(24));

        File.WriteAllText(_file, Other(24));
        await PollAsync(signer, times: 2);
        AssertSignedBy(signer, Other(64), Other(24));
        Assert.Equal([new(3, Problem: null), new(2, Problem: null)], _reloads);
        Assert.Equal(_reloads[^1], signer.FileStatus);
    }

    [Theory]
    [InlineData(Key + "\nwhsec_secretsecretsecret!", "line 2 is not a key")]
    [InlineData("\n\n", "it contains no key")]
    public async Task BrokenFile_KeepsTheKeys_AndIsReportedOnceWithoutThem(string content, string problem)
    {
        File.WriteAllText(_file, Other(24));
        using var signer = Watching();

        File.WriteAllText(_file, content);
        await PollAsync(signer, times: 5);
        AssertSignedBy(signer, Other(24));
        var reported = Assert.Single(_reloads);
        Assert.Equal(
            $"callback.signing.keysFile = '{_file}' cannot be used ({problem}); expected one key per line: whsec_ "
                + "and 24 to 64 bytes in base64.",
            reported.Problem
        );

        File.WriteAllText(_file, Key);
        await PollAsync(signer, times: 2);
        AssertSignedBy(signer, Key);
        Assert.Equal(new(1, Problem: null), signer.FileStatus);
    }

    [Fact]
    public async Task VanishedFile_KeepsTheKeys_AndIsTakenUpWhenItIsBack()
    {
        File.WriteAllText(_file, Key);
        using var signer = Watching();

        File.Delete(_file);
        await PollAsync(signer, times: 5);
        AssertSignedBy(signer, Key);
        Assert.NotNull(Assert.Single(_reloads).Problem);

        File.WriteAllText(_file, Other(24));
        await PollAsync(signer, times: 2);
        AssertSignedBy(signer, Other(24));
    }

    [Fact]
    public void WithoutAFile_ThereIsNothingToWatch()
    {
        using var signer = Signer(Key);

        Assert.Null(signer.FileStatus);
        Assert.True(signer.Polling.IsCompletedSuccessfully);
    }

    private static WebhookSigner Signer(params string[] keys) =>
        new(new(keys, "", Required: false), TimeProvider.System);

    private WebhookSigner Watching(params string[] keys) => new(new(keys, _file, Required: true), _time, _reloads.Add);

    private async Task PollAsync(WebhookSigner signer, int times = 1)
    {
        for (var i = 0; i < times; i++)
        {
            _time.Advance(FileWatch.PollInterval);
            await signer.Polling;
        }
    }

    private static void AssertSignedBy(WebhookSigner signer, params string[] keys) =>
        Assert.Equal(keys.Select(key => Signer(key).Sign("id", "1", [])), signer.Sign("id", "1", [])!.Split(' '));

    private static string Other(int length) =>
        "whsec_" + Convert.ToBase64String(Enumerable.Repeat((byte)7, length).ToArray());
}
