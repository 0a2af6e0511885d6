using System.Text;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;
using AkkaCharging.Tests.Settings;

namespace AkkaCharging.Tests.Journal.Encryption;

[Trait("Category", "Unit")]
public sealed class JournalSecretsTests
{
    private static readonly KeyRing Keys = new([EncryptionKey.TryParse(SettingsTable.EncryptionKey)!]);
    private static readonly KeyRing OtherKeys = new([EncryptionKey.TryParse(SettingsTable.OtherEncryptionKey)!]);
    private static readonly ChargingRequest Request = Sample.Request();
    private static readonly AuthorizationDetails Details = new()
    {
        Text = "Guthaben aufgebraucht – äöü",
        Party = "NL-TNM",
        ValidUntil = Sample.Now.AddHours(1),
    };
    private readonly JournalSecrets _secrets = JournalSecrets.Create(Keys);

    [Fact]
    public void SecretsOfOneJournal_HashAlike_UnderWhicheverKeys()
    {
        var reopened = JournalSecrets.Open(Keys, _secrets.Wrap());
        var moved = _secrets.Under(OtherKeys);
        var another = JournalSecrets.Create(Keys);

        Assert.True(_secrets.HashesLike(reopened));
        Assert.True(_secrets.HashesLike(moved));
        Assert.False(_secrets.HashesLike(another));
        Assert.Equal(_secrets.Hasher.Claim("fleet", "key"), reopened.Hasher.Claim("fleet", "key"));
        Assert.Equal(_secrets.Hasher.Claim("fleet", "key"), moved.Hasher.Claim("fleet", "key"));
        Assert.NotEqual(_secrets.Hasher.Claim("fleet", "key"), another.Hasher.Claim("fleet", "key"));
        Assert.Same(OtherKeys, moved.Keys);
    }

    /// <summary>Versions that know only one format read the first two lines.</summary>
    [Fact]
    public void Request_IsSealedInTwoLines_AndAThirdForAFormatOfItsOwn()
    {
        var extended = Request with { Format = CallbackFormat.Extended };

        Assert.Equal($"{Request.Token.Secret}\n{Request.Callback.Text}", TextOf(Request));
        Assert.Equal($"{Request.Token.Secret}\n{Request.Callback.Text}\nextended", TextOf(extended));

        string TextOf(ChargingRequest request) =>
            Encoding.ASCII.GetString(Keys.Open(_secrets.Seal(request), StoredId.Of(request.Id)));
    }

    [Theory]
    [InlineData("default")]
    [InlineData("extended")]
    public void Request_IsReadBack_UnderItsIdAlone(string name)
    {
        var format = CallbackFormats.FromJournal(name);
        var secret = _secrets.Seal(Request with { Format = format });

        var (token, callback, read) = _secrets.Open(Request.Id, secret);

        Assert.Equal((Request.Token, Request.Callback.Text, format), (token, callback.Text, read));
        Assert.Throws<InvalidJournalException>(() => _secrets.Open(RequestId.New(Sample.Now), secret));
    }

    [Fact]
    public void Details_AreReadBack_UnderTheirIdAlone_AndAreNotTakenForAToken()
    {
        var details = _secrets.Seal(Request.Id, Details);

        Assert.Equal(Details, _secrets.OpenDetails(Request.Id, details));
        Assert.Throws<InvalidJournalException>(() => _secrets.OpenDetails(RequestId.New(Sample.Now), details));
        Assert.Throws<InvalidJournalException>(() => _secrets.OpenDetails(Request.Id, _secrets.Seal(Request)));
        Assert.Throws<InvalidJournalException>(() => _secrets.Open(Request.Id, details));
    }

    [Fact]
    public void DetailsUnderAKeyThatIsGone_AreLeftOut() =>
        Assert.Null(_secrets.Under(OtherKeys).OpenDetails(Request.Id, _secrets.Seal(Request.Id, Details)));

    [Fact]
    public void DetailsThatMove_AreUnderTheNewKeyAlone()
    {
        var moved = JournalSecrets.MoveDetails(
            StoredId.Of(Request.Id),
            _secrets.Seal(Request.Id, Details),
            from: Keys,
            to: OtherKeys
        );

        Assert.Equal(Details, _secrets.Under(OtherKeys).OpenDetails(Request.Id, moved));
        Assert.Null(_secrets.OpenDetails(Request.Id, moved));
    }
}
