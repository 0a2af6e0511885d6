using AkkaCharging.Journal;
using AkkaCharging.Requests;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Unit")]
public sealed class IdempotencyHasherTests
{
    private readonly IdempotencyHasher _hasher = new([.. Enumerable.Range(0, 32).Select(i => (byte)i)]);

    [Fact]
    public void SameKeyAndFields_MakeTheSameClaim() =>
        Assert.Equal(_hasher.Claim("fleet", "key", "a", "b"), _hasher.Claim("fleet", "key", "a", "b"));

    [Fact]
    public void ClaimsHoldHexadecimalDigitsAlone() =>
        Assert.Matches(
            "^[0-9A-F]{64}/[0-9A-F]{64}$",
            $"{_hasher.Claim("fleet", "key", "a").KeyHash}/{_hasher.Claim("fleet", "key", "a").BodyHash}"
        );

    [Fact]
    public void OtherFields_ChangeTheBodyHashAlone()
    {
        var (claim, other) = (_hasher.Claim("fleet", "key", "ab", "c"), _hasher.Claim("fleet", "key", "a", "bc"));

        Assert.Equal(claim.KeyHash, other.KeyHash);
        Assert.NotEqual(claim.BodyHash, other.BodyHash);
    }

    [Theory]
    [InlineData("fleet", "other")]
    [InlineData("other", "key")]
    [InlineData(null, "key")]
    [InlineData("fleetk", "ey")]
    public void OtherKeyOrApiKey_IsAnotherClaim(string? apiKey, string key) =>
        Assert.NotEqual(_hasher.Claim("fleet", "key", "a").KeyHash, _hasher.Claim(apiKey, key, "a").KeyHash);

    [Fact]
    public void RandomSecrets_MakeClaimsThatDoNotMatch() =>
        Assert.NotEqual(
            IdempotencyHasher.WithRandomSecret().Claim("a", "k", "f").KeyHash,
            IdempotencyHasher.WithRandomSecret().Claim("a", "k", "f").KeyHash
        );

    [Fact]
    public void Fingerprint_NamesATokenInOneJournalAlone()
    {
        var (token, other) = (
            DriverToken.TryCreate("canary-token-0123456789")!,
            DriverToken.TryCreate("canary-token-0123456780")!
        );

        Assert.Equal(IdempotencyHasher.FingerprintBytes, _hasher.Fingerprint(token).Length);
        Assert.Equal(_hasher.Fingerprint(token), _hasher.Fingerprint(token));
        Assert.NotEqual(_hasher.Fingerprint(token), _hasher.Fingerprint(other));
        Assert.NotEqual(_hasher.Fingerprint(token), IdempotencyHasher.WithRandomSecret().Fingerprint(token));
    }

    /// <summary>They are compared with those that other versions have stored.</summary>
    [Fact]
    public void Hashes_AreTheSameInEveryVersion()
    {
        var claim = _hasher.Claim("fleet", "key", "a", "bc");

        Assert.Equal("CB10FBCC546AF251F9D2C58864C640A70BA1202226FA8DB6E8B3018E1B31C3C1", claim.KeyHash);
        Assert.Equal("649C040EBA250EB4455531C1C633048ADCE5B924732F32ADB25D13AE2F32379B", claim.BodyHash);
        Assert.Equal(
            "8110C461B8A16008F7CE011B191E6795",
            Convert.ToHexString(_hasher.Fingerprint(DriverToken.TryCreate("canary-token-0123456789")!))
        );
    }

    [Fact]
    public void Fingerprint_IsReadFromItsDigits_InEitherCase()
    {
        var fingerprint = _hasher.Fingerprint(DriverToken.TryCreate("canary-token-0123456789")!);

        Assert.Equal(fingerprint, IdempotencyHasher.ReadFingerprint(Convert.ToHexString(fingerprint)));
        Assert.Equal(fingerprint, IdempotencyHasher.ReadFingerprint(Convert.ToHexStringLower(fingerprint)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("8110C461B8A16008F7CE011B191E67")] // a byte less
    [InlineData("8110C461B8A16008F7CE011B191E6795AB")] // a byte more
    [InlineData("8110C461B8A16008F7CE011B191E679G")]
    public void TextThatIsNoFingerprint_IsNotRead(string text) => Assert.Null(IdempotencyHasher.ReadFingerprint(text));
}
