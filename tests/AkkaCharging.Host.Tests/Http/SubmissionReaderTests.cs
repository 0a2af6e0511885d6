using System.Text;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Host.Http;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Http;

[Trait("Category", "Unit")]
public sealed class SubmissionReaderTests
{
    private const string Station = RunningService.Station;
    private const string Token = "driver-token-0123456789";
    private const string Url = "https://receiver.example.com/cb";
    private const string InvalidStation = "Invalid station_id format. Must be a valid UUID.";
    private const string InvalidToken =
        "Invalid driver_token. Must be 20-80 characters of letters, digits, '-', '.', '_' or '~'.";
    private const string InvalidUrl = "Invalid callback_url. Must be a valid HTTP/HTTPS URL.";
    private const string RefusedUrl = "Invalid callback_url. The address is not allowed.";
    private const string UnencodedUrl =
        "Invalid callback_url. The path or query holds a character that must be percent-encoded.";
    private const string MisencodedUrl =
        "Invalid callback_url. A '%' in the path or query must be followed by two hexadecimal digits.";
    private const string InvalidValidity = "Invalid valid_for_millis. Must be a whole number from 1000 to 3600000.";
    private const string NotJson = "The request body is not valid JSON.";
    private const string NotObject = "The request body is not a JSON object.";

    private static readonly SubmissionReader Reader = new(
        new CallbackAddressPolicy(SettingsLoader.Defaults.Callback.Security),
        DriverTokenRules.Default
    );

    [Fact]
    public void ValidBody_GivesItsFields()
    {
        var fields = Reader.Read(Utf8(Body()), out var errors);

        Assert.Empty(errors);
        Assert.Equal(
            (Station, Token, Url, null),
            (fields!.Station.Text, fields.Token.Secret, fields.Callback.Text, fields.ValidFor)
        );
    }

    [Theory]
    [InlineData("{\"validForMillis\":60000,")]
    [InlineData(" \r\n\t{ \"validForMillis\" : 60000 ,")]
    [InlineData("{\"valid\\u0046orMillis\":60000,")]
    [InlineData("{\"unknown\":{\"stationId\":[1,{\"driverToken\":null}]},\"validForMillis\":60000,")]
    [InlineData("{\"unknown\":1,\"unknown\":2,\"validForMillis\":60000,")]
    [InlineData("{\"StationId\":1,\"STATIONID\":2,\"drivertoken\":3,\"validForMillis\":60000,")]
    [InlineData("{\"lone\":\"\\ud800\",\"validForMillis\":60000,")]
    [InlineData("{\"\\udc00\":1,\"validForMillis\":60000,")]
    [InlineData("{\"stationId\\ud800\":1,\"validForMillis\":60000,")]
    public void BodyWithMore_IsRead(string start)
    {
        var fields = Reader.Read(Utf8(start + Body()[1..] + " \n"), out var errors);

        Assert.Empty(errors);
        Assert.Equal(TimeSpan.FromMinutes(1), fields!.ValidFor);
    }

    [Theory]
    [InlineData("1000", true)]
    [InlineData("3600000", true)]
    [InlineData("999", false)]
    [InlineData("3600001", false)]
    [InlineData("0", false)]
    [InlineData("-1000", false)]
    [InlineData("1000.5", false)]
    [InlineData("1e4", false)]
    [InlineData("\"2000\"", false)]
    [InlineData("null", true)]
    [InlineData("true", false)]
    [InlineData("[2000]", false)]
    [InlineData("{\"a\":2000}", false)]
    [InlineData("99999999999999999999999999", false)]
    public void ValidForMillis_HasBounds(string value, bool isGood)
    {
        var fields = Reader.Read(Utf8(Body(more: $",\"validForMillis\":{value}")), out var errors);

        Assert.Equal(isGood, fields is not null);
        Assert.Equal(isGood ? [] : [new FieldError("validForMillis", InvalidValidity)], errors);
    }

    [Theory]
    [InlineData("\"not-a-uuid\"")]
    [InlineData("\"123e4567e89b42d3a456426614174000\"")]
    [InlineData("\"{123e4567-e89b-42d3-a456-426614174000}\"")]
    [InlineData("\" 123e4567-e89b-42d3-a456-426614174000\"")]
    [InlineData("\"123e4567-e89b-42d3-a456-426614174000\\n\"")]
    [InlineData("\"+23e4567-e89b-42d3-a456-426614174000\"")]
    [InlineData("\"0x3e4567-0x9b-42d3-a456-426614174000\"")]
    [InlineData("\"123e4567-e89b-42d3-a456-42661417400g\"")]
    [InlineData("\"\"")]
    [InlineData("null")]
    [InlineData("1")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("\"\\ud800\"")]
    public void BadStation_IsNamed(string value) =>
        Assert.Equal([new FieldError("stationId", InvalidStation)], Errors(Body(station: value)));

    [Theory]
    [InlineData("\"nineteen-characters\"")]
    [InlineData("\"has a space in the token\"")]
    [InlineData("\"has/a/slash/in/the/token\"")]
    [InlineData("\"umlaut-\u00e4-in-the-token-x\"")]
    [InlineData("\"escaped-\\u0000-in-the-token\"")]
    [InlineData("\"lone-surrogate-in-token-\\udfff\"")]
    [InlineData("\"\"")]
    [InlineData("null")]
    [InlineData("12345678901234567890")]
    [InlineData("true")]
    [InlineData("[\"driver-token-0123456789\"]")]
    public void BadToken_IsNamed(string value) =>
        Assert.Equal([new FieldError("driverToken", InvalidToken)], Errors(Body(token: value)));

    [Theory]
    [InlineData(19, false)]
    [InlineData(20, true)]
    [InlineData(80, true)]
    [InlineData(81, false)]
    [InlineData(5_000, false)]
    public void TokenLength_HasBounds(int length, bool isGood) =>
        Assert.Equal(isGood, Reader.Read(Utf8(Body(token: $"\"{new string('a', length)}\"")), out _) is not null);

    [Theory]
    [InlineData("\"receiver.example.com/cb\"", InvalidUrl)]
    [InlineData("\"ftp://receiver.example.com/cb\"", InvalidUrl)]
    [InlineData("\"/cb\"", InvalidUrl)]
    [InlineData("\"http://\"", InvalidUrl)]
    [InlineData("\"\"", InvalidUrl)]
    [InlineData("null", InvalidUrl)]
    [InlineData("1", InvalidUrl)]
    [InlineData("[]", InvalidUrl)]
    [InlineData("\"\\ud83d\"", InvalidUrl)]
    [InlineData("\"http://127.0.0.1/cb\"", RefusedUrl)]
    [InlineData("\"http://localhost/cb\"", RefusedUrl)]
    [InlineData("\"http://169.254.169.254/latest\"", RefusedUrl)]
    [InlineData("\"http://user@receiver.example.com/cb\"", RefusedUrl)]
    [InlineData("\"http://receiver.example.com:22/cb\"", RefusedUrl)]
    [InlineData("\"http://receiver.example.com/#fragment\"", RefusedUrl)]
    [InlineData("\"http://10.0.0.1/100%\"", RefusedUrl)]
    [InlineData("\"http://receiver.example.com/100%\"", MisencodedUrl)]
    [InlineData("\"http://receiver.example.com/?a=%4x\"", MisencodedUrl)]
    [InlineData("\"http://receiver.example.com/{id}\"", UnencodedUrl)]
    [InlineData("\"http://receiver.example.com/?a[]=1\"", UnencodedUrl)]
    public void BadUrl_IsNamed_WithOneSentenceForEveryPolicyReason(string value, string message) =>
        Assert.Equal([new FieldError("callbackUrl", message)], Errors(Body(url: value)));

    [Theory]
    [InlineData(2_048, true)]
    [InlineData(2_049, false)]
    public void UrlLength_HasABound(int length, bool isGood) =>
        Assert.Equal(
            isGood,
            Reader.Read(Utf8(Body(url: $"\"{(Url + "?").PadRight(length, 'q')}\"")), out _) is not null
        );

    [Fact]
    public void SeveralBrokenRules_AreAllNamed_InOrder() =>
        Assert.Equal(
            [
                new FieldError("stationId", InvalidStation, "The field stationId is missing."),
                new FieldError("driverToken", InvalidToken, "The field driverToken is missing."),
                new FieldError("callbackUrl", InvalidUrl, "The field callbackUrl is missing."),
                new FieldError("validForMillis", InvalidValidity),
            ],
            Errors("{\"validForMillis\":1}")
        );

    [Theory]
    [InlineData("StationID", "StationID")]
    [InlineData("station_id", "station_id")]
    [InlineData("x\":1,\"stationid", "stationid")]
    [InlineData("sta-tion.Id", "sta-tion.Id")]
    [InlineData("driver_token\":\"t\",\"stationUd", "stationUd")]
    [InlineData("station id", null)]
    [InlineData("stationId\\u0000", null)]
    [InlineData("station\\u0049D", null)]
    [InlineData("s_t_a_t_i_o_n_______________________id", null)]
    [InlineData("driver_token", null)]
    [InlineData("canary-driver-token-0001", null)]
    [InlineData("<script>", null)]
    [InlineData("", null)]
    public void MissingField_NamesTheOneThatIsNearlyIt(string name, string? shown)
    {
        var body = $"{{\"{name}\":\"{Station}\",\"driverToken\":\"{Token}\",\"callbackUrl\":\"{Url}\"}}";

        Assert.Equal(
            [
                new FieldError(
                    "stationId",
                    InvalidStation,
                    "The field stationId is missing."
                        + (shown is null ? "" : $" The body has {shown}, which is not read.")
                ),
            ],
            Errors(body)
        );
    }

    [Fact]
    public void SeveralMissingFields_EachNameTheFirstThatIsNearlyIt() =>
        Assert.Equal(
            [
                "The field stationId is missing. The body has station_id, which is not read.",
                "The field driverToken is missing. The body has driver_token, which is not read.",
                "The field callbackUrl is missing. The body has callback_url, which is not read.",
            ],
            Errors("""{"callback_url":1,"station_id":[{}],"stationID":2,"driver_token":{"a":3},"callbackURL":4}""")
                .Select(error => error.Hint)
        );

    [Fact]
    public void HundredLongNames_AreNoHint()
    {
        var names = Enumerable.Range(0, 100).Select(i => $"\"{new string('a', 29)}{i:000}\":{i}");

        Assert.Equal(
            [
                new FieldError("stationId", InvalidStation, "The field stationId is missing."),
                new FieldError("driverToken", InvalidToken, "The field driverToken is missing."),
                new FieldError("callbackUrl", InvalidUrl, "The field callbackUrl is missing."),
            ],
            Errors("{" + string.Join(',', names) + "}")
        );
    }

    [Fact]
    public void MissingField_IsLookedForAmongTheFirstThirtyTwo()
    {
        static string Body(int before) =>
            $"{{{string.Concat(Enumerable.Range(0, before).Select(i => $"\"x{i}\":[{{}}],"))}\"station_id\":1}}";

        Assert.Contains("station_id", Errors(Body(31))[0].Hint, StringComparison.Ordinal);
        Assert.DoesNotContain("station_id", Errors(Body(32))[0].Hint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"stationId\":\"123e4567-e89b-42d3-a456-426614174000\"", "stationId")]
    [InlineData("\"station\\u0049d\":null", "stationId")]
    [InlineData("\"driverToken\":\"other-driver-token-0001\"", "driverToken")]
    [InlineData("\"\\u0064riverToken\":1", "driverToken")]
    [InlineData("\"callbackUrl\":\"https://other.example.com\"", "callbackUrl")]
    [InlineData("\"validForMillis\":2000,\"validForMillis\":2000", "validForMillis")]
    public void KnownFieldGivenTwice_IsRefused(string more, string field) =>
        Assert.Equal(
            [new FieldError(field, $"The field {field} is given more than once.")],
            Errors(Body(more: "," + more))
        );

    [Theory]
    [InlineData("", "The request body is empty. Expected a JSON object.")]
    [InlineData(" ", NotJson)]
    [InlineData("{", NotJson)]
    [InlineData("}", NotJson)]
    [InlineData("{\"stationId\"}", NotJson)]
    [InlineData("{\"stationId\":}", NotJson)]
    [InlineData("{\"stationId\":\"x\"", NotJson)]
    [InlineData("{\"stationId\":\"x\",}", NotJson)]
    [InlineData("{'stationId':'x'}", NotJson)]
    [InlineData("{stationId:1}", NotJson)]
    [InlineData("{\"a\":01}", NotJson)]
    [InlineData("{\"a\":NaN}", NotJson)]
    [InlineData("{\"a\":\"\\x\"}", NotJson)]
    [InlineData("{\"a\":\"\n\"}", NotJson)]
    [InlineData("{/* comment */}", NotJson)]
    [InlineData("{} // comment", NotJson)]
    [InlineData("{}{}", NotJson)]
    [InlineData("{}x", NotJson)]
    [InlineData("{}\0", NotJson)]
    [InlineData("\ufeff", "The request body is empty. Expected a JSON object.")]
    [InlineData("\ufeff\ufeff{}", NotJson)]
    [InlineData(" \ufeff{}", NotJson)]
    [InlineData("[]", NotObject)]
    [InlineData("\"text\"", NotObject)]
    [InlineData("null", NotObject)]
    [InlineData("1", NotObject)]
    public void MalformedJson_IsRefusedAsAWhole(string body, string message) =>
        Assert.Equal([new FieldError("body", message)], Errors(body));

    [Theory]
    [InlineData(62, true)]
    [InlineData(64, false)]
    [InlineData(4_000, false)]
    public void Nesting_HasABound(int depth, bool isGood)
    {
        var errors = Errors(Body(more: $",\"deep\":{new string('[', depth)}{new string(']', depth)}"));

        Assert.Equal(isGood ? [] : [new FieldError("body", NotJson)], errors);
    }

    [Theory]
    [InlineData("unknown\":\"", "\xff")]
    [InlineData("unknown\":\"", "\xc3\x28")]
    [InlineData("unknown\":\"", "\xed\xa0\x80")]
    [InlineData("", "\xff\":\"")]
    [InlineData("unknown\":\"\"}", "\xfe")]
    public void BytesThatAreNotUtf8_AreRefusedAnywhere(string before, string bytes)
    {
        var body = Encoding.Latin1.GetBytes(Body()[..^1] + ",\"" + before + bytes + "\"}");

        Assert.Null(Reader.Read(body, out var errors));
        Assert.Equal([new FieldError("body", "The request body is not valid UTF-8.")], errors);
    }

    private static IReadOnlyList<FieldError> Errors(string body)
    {
        Reader.Read(Utf8(body), out var errors);
        return errors;
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static string Body(
        string station = $"\"{Station}\"",
        string token = $"\"{Token}\"",
        string url = $"\"{Url}\"",
        string more = ""
    ) => $"{{\"stationId\":{station},\"driverToken\":{token},\"callbackUrl\":{url}{more}}}";
}
