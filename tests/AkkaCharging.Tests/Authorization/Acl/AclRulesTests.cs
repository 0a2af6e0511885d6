using System.Text;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Acl;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Authorization.Acl;

[Trait("Category", "Unit")]
public sealed class AclRulesTests
{
    private const string Header = "token,stations,valid_from,valid_until,state\n";
    private const string Other = "ffffffff-3f40-4a51-8b62-9c73ad84be95";
    private const string Token = Queries.Token;

    [Fact]
    public void TokenInNoRule_IsNotInAcl() => Assert.Equal(DecisionReason.NotInAcl, Decide(Token + "x,,,,\n").Reason);

    [Theory]
    [InlineData("")]
    [InlineData("*")]
    [InlineData(Queries.Station)]
    [InlineData(Other + ";" + Queries.Station)]
    [InlineData("0B7C1D2E-3F40-4A51-8B62-9C73AD84BE95")]
    public void StationNamed_IsAllowed(string stations) =>
        Assert.Equal(AuthorizerAnswer.AllowedByList, Decide($"{Token},{stations},,,active\n"));

    [Fact]
    public void OtherStationsNamed_IsStationNotAllowed() =>
        Assert.Equal(AuthorizerAnswer.Deny(DenialReason.StationNotAllowed), Decide($"{Token},{Other},,,\n"));

    [Theory]
    [InlineData("2026-01-02T03:04:05Z", "", DecisionReason.InAcl)]
    [InlineData("2026-01-02T03:04:05.0000001Z", "", DecisionReason.Expired)]
    [InlineData("", "2026-01-02T03:04:05Z", DecisionReason.Expired)]
    [InlineData("", "2026-01-02T03:04:05.0000001Z", DecisionReason.InAcl)]
    [InlineData("2026-01-02T04:04:05+01:00", "2026-01-02T03:04:05.5-00:00", DecisionReason.InAcl)]
    [InlineData("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z", DecisionReason.Expired)]
    [InlineData("2026-01-02t03:04:05.000000000z", "2099-12-31T23:59:60Z", DecisionReason.InAcl)]
    public void ValidityWindow_IncludesItsStartAndNotItsEnd(string from, string until, object expected) =>
        Assert.Equal((DecisionReason)expected, Decide($"{Token},,{from},{until},\n").Reason);

    [Fact]
    public void SeveralReasons_AreGivenInOrder()
    {
        Assert.Equal(DecisionReason.Blocked, Decide($"{Token},{Other},,2025-01-01T00:00:00Z,blocked\n").Reason);
        Assert.Equal(DecisionReason.Expired, Decide($"{Token},{Other},,2025-01-01T00:00:00Z,active\n").Reason);
    }

    [Fact]
    public void HashedToken_IsFoundInEitherCase()
    {
        Assert.Equal(AuthorizerAnswer.AllowedByList, Decide(Queries.Hashed(Token) + ",,,,\n"));
        Assert.Equal(
            AuthorizerAnswer.AllowedByList,
            Decide("sha256:" + Queries.Hashed(Token)[7..].ToUpperInvariant() + ",,,,\n")
        );
    }

    [Theory]
    [InlineData("\uFEFFtoken,stations,valid_from,valid_until,state\r\n\"" + Token + "\",\"*\",,,\"active\"\r\n")]
    [InlineData("# who may charge\n\n  \nstate,token\n# one, two\n,\"" + Token + "\"\n")]
    [InlineData("token\n\n" + Token + "\n\n")]
    [InlineData("token\r" + Token + "\r")]
    public void QuotesLineEndsCommentsAndOrderOfColumns_AreTolerated(string csv) =>
        Assert.Equal(AuthorizerAnswer.AllowedByList, Read(csv).Decide(Queries.Some(), Queries.Now));

    [Fact]
    public void HeaderOnly_IsAListThatAllowsNobody() => Assert.Equal(0, Read(Header).Count);

    [Theory]
    [InlineData("", "line 1: no header; expected token,stations,valid_from,valid_until,state")]
    [InlineData("# nothing\n\n", "line 3: no header; expected token,stations,valid_from,valid_until,state")]
    [InlineData("stations,state\n!\n", "line 1: the header does not name the column token")]
    [InlineData("#\ntoken,token\n", "line 2: column token is named twice")]
    [InlineData(
        "token,sttaions\n",
        "line 1: unknown column 'st***'; the header may name token,stations,valid_from,valid_until,state"
    )]
    [InlineData(
        "Token\n",
        "line 1: unknown column 'T***'; the header may name token,stations,valid_from,valid_until,state",
        "line 1: the header does not name the column token"
    )]
    public void BrokenHeader_IsTheOnlyThingReported(string csv, params string[] expected) =>
        Assert.Equal(expected, Problems(csv));

    [Theory]
    [InlineData(
        "short,,,,",
        "line 2: token 's***' is neither 20-80 characters of letters, digits, '-', '.', '_' or '~' nor "
            + "sha256: and 64 hexadecimal digits"
    )]
    [InlineData(
        "\u0001é,,,,",
        "line 2: token '***' is neither 20-80 characters of letters, digits, '-', '.', '_' or '~' nor sha256: "
            + "and 64 hexadecimal digits"
    )]
    [InlineData(
        "sha256:12,,,,",
        "line 2: token 'sh***' is neither 20-80 characters of letters, digits, '-', '.', '_' or '~' nor "
            + "sha256: and 64 hexadecimal digits"
    )]
    [InlineData(Token, "line 2: 1 fields where the header has 5")]
    [InlineData(Token + ",,,,,", "line 2: 6 fields where the header has 5")]
    [InlineData(
        Token + ",*;" + Other + ";,,,",
        "line 2: station '***' is not a UUID",
        "line 2: station '***' is not a UUID"
    )]
    [InlineData(Token + "," + Other + "; " + Queries.Station + ",,,", "line 2: station ' 0b7***' is not a UUID")]
    [InlineData(Token + ",\"" + Other + " \",,,", "line 2: station 'ffff***' is not a UUID")]
    [InlineData(Token + ",+fffffff-3f40-4a51-8b62-9c73ad84be95,,,", "line 2: station '+fff***' is not a UUID")]
    [InlineData(
        Token + ",,2026-01-02,tomorrow,",
        "line 2: valid_from '20***' is not an RFC 3339 time with offset, such as 2026-01-31T18:00:00Z",
        "line 2: valid_until 'to***' is not an RFC 3339 time with offset, such as 2026-01-31T18:00:00Z"
    )]
    [InlineData(
        Token + ",,2026-01-02T03:04:05,,",
        "line 2: valid_from '2026***' is not an RFC 3339 time with offset, such as 2026-01-31T18:00:00Z"
    )]
    [InlineData(
        Token + ",,2026-01-02T03:04:05+0100,,",
        "line 2: valid_from '2026***' is not an RFC 3339 time with offset, such as 2026-01-31T18:00:00Z"
    )]
    [InlineData(
        Token + ",,:00,,",
        "line 2: valid_from '***' is not an RFC 3339 time with offset, such as 2026-01-31T18:00:00Z"
    )]
    [InlineData(Token + ",,2026-01-02T03:04:05Z,2026-01-02T03:04:04Z,", "line 2: valid_from is after valid_until")]
    [InlineData(Token + ",,,,Blocked", "line 2: state 'B***' is neither active nor blocked")]
    [InlineData(Token + ",,,, ", "line 2: state '***' is neither active nor blocked")]
    public void BrokenRule_IsReportedWithItsLine(string line, params string[] expected) =>
        Assert.Equal(expected, Problems(Header + line + "\n"));

    [Theory]
    [InlineData(Header + Token + ",*,,,")]
    [InlineData("token,stations\n" + Token + ",")]
    [InlineData("token,valid_until\r\n" + Token + ",2099-01-01T00:00:00Z")]
    [InlineData("token,state")]
    [InlineData(Header + Token + ",*,,,\n# and")]
    [InlineData(Header + Token + ",*,,,\n  ")]
    public void LastLineWithoutALineEnd_IsRejected(string csv) =>
        Assert.Equal(
            ["the last line has no line end: the list may be cut off; a complete list ends with a line end"],
            Problems(csv)
        );

    [Fact]
    public void SameTokenTwice_NamesBothLines_AlsoInClearAndHashed()
    {
        var csv =
            $"# comment\r\n{Header}\r\n{Token},,,,\r\n# "
            + $"comment\r\n\"{Queries.Hashed(Token)}\",\"\",,,\r\n{Token},,,,blocked\r\n";

        Assert.Equal(["line 6: the same token as in line 4", "line 7: the same token as in line 4"], Problems(csv));
    }

    [Fact]
    public void LineBreaksInsideQuotes_CountAsLines() =>
        Assert.Equal(
            ["line 2: station '***' is not a UUID", "line 4: state '***' is neither active nor blocked"],
            Problems($"{Header}{Token},\"a\nb\",,,\n{Token},,,,x\n")
        );

    [Fact]
    public void MisplacedQuote_EndsReading() =>
        Assert.Equal(
            [
                "line 2: state '***' is neither active nor blocked",
                "line 3: misplaced or unclosed quote; the rest of the file was not read",
            ],
            Problems($"{Header}{Token},,,,x\n\"{Token}\"x,,,,\nx\n")
        );

    [Fact]
    public void UnclosedQuoteInALargeFile_IsReportedAtItsLine() =>
        Assert.Equal(
            ["line 3: longer than 1048576 characters; is a quote not closed?"],
            Problems($"{Header}\n\"{Token},,,,\n" + new string('\n', 2_000_000))
        );

    [Fact]
    public void NotUtf8_IsReportedAtItsLine()
    {
        byte[] csv = [.. Encoding.UTF8.GetBytes($"{Header}# gr\u00FCn\n{Token},,,,\n# gr"), 0xFC, .. "n\n"u8];

        Assert.Equal(["line 4: not UTF-8; the rest of the file was not read"], Problems(csv));
    }

    [Fact]
    public void ManyProblems_ShowTheFirst20AndACount()
    {
        var problems = Problems(Header + string.Concat(Enumerable.Repeat($"{Token},,,,{Token}\n", 25)));

        Assert.Equal(21, problems.Count);
        Assert.Equal("line 21: state 'cana***' is neither active nor blocked", problems[19]);
        Assert.Equal("and 5 more", problems[20]);
    }

    [Fact]
    public void NoMessage_CarriesAToken()
    {
        string[] broken =
        [
            $"{Token}\n",
            $"{Header}{Token}\n",
            $"{Header},{Token},{Token},{Token},{Token}\n",
            $"{Header}{Token} ,,,,\n",
            $"{Header}\"{Token}\"{Token}\n",
            $"{Header}{Token},,,,\n{Token},,,,\n",
            $"{Header}{Token},{Queries.Station};{Token},,,\n",
        ];

        foreach (var csv in broken)
        {
            var error = Assert.Throws<InvalidAclException>(() => Read(csv));
            Assert.DoesNotContain(Token, error.ToString(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("04AABBCC")]
    [InlineData("1234")]
    [InlineData("abc")]
    public void NoMessage_CarriesMoreThanAQuarterOfAShortToken(string token)
    {
        var form = AclTokenForm.Of(DriverTokenRules.Default, Typed());
        foreach (
            var csv in new[]
            {
                $"{token}\n",
                $"{Header}*,{token},,,\n",
                $"{Header}*,,{token},,\n",
                $"{Header}*,,,,{token}\n",
            }
        )
        {
            var error = Assert.Throws<InvalidAclException>(() => Read(csv, form));
            Assert.DoesNotContain(token[..(token.Length / 4 + 1)] + "*", error.ToString(), StringComparison.Ordinal);
            Assert.DoesNotContain(token, error.ToString(), StringComparison.Ordinal);
        }
    }

    /// <summary>
    /// A rule that is hashed otherwise than the question applies to nobody, and a blocked driver may charge.
    /// </summary>
    [Theory]
    [InlineData("ocpi.uid.RFID~04AABBCC")]
    [InlineData("ocpi.uid.RFID.NLTNM~04AABBCC")]
    [InlineData("04AABBCC")]
    public void RuleOfATypedToken_AppliesToItsIdentifier(string written)
    {
        var rules = Read($"{Header}{written},*,,,blocked\n", AclTokenForm.Of(DriverTokenRules.Default, Typed()));

        Assert.Equal(
            AuthorizerAnswer.Deny(DenialReason.Blocked),
            rules.Decide(Queries.Some() with { Identity = new TokenIdentity("04AABBCC", "RFID") }, Queries.Now)
        );
    }

    [Fact]
    public void HashWithAPrefixInCapitals_IsNoToken()
    {
        var hash = Queries.Hashed(Token).Replace("sha256:", "SHA256:", StringComparison.Ordinal);

        var error = Assert.Throws<InvalidAclException>(() =>
            Read($"{Header}{hash},*,,,blocked\n", AclTokenForm.Of(DriverTokenRules.Default, Typed()))
        );

        Assert.Contains("nor sha256: and 64 hexadecimal digits", error.Message, StringComparison.Ordinal);
    }

    private static AuthorizationSettings Typed() => Queries.Settings() with { TypedTokens = true };

    private static AuthorizerAnswer Decide(string rules) => Read(Header + rules).Decide(Queries.Some(), Queries.Now);

    private static AclRules Read(string csv, AclTokenForm? form = null) =>
        AclRules.Read(new MemoryStream(Encoding.UTF8.GetBytes(csv)), "test.csv", form);

    private static IReadOnlyList<string> Problems(string csv) => Problems(Encoding.UTF8.GetBytes(csv));

    private static IReadOnlyList<string> Problems(byte[] csv) =>
        Assert.Throws<InvalidAclException>(() => AclRules.Read(new MemoryStream(csv), "test.csv")).Problems;
}
