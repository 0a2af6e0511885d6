namespace AkkaCharging.Tests.Settings;

[Trait("Category", "Unit")]
public sealed class OcpiRulesTests
{
    private const string Own = "ocpi { countryCode = de, partyId = all }";

    [Theory]
    [InlineData(
        $"authorization {{ provider = ocpi, {Own} }}",
        "authorization.provider = ocpi needs a partner; expected authorization.ocpi.partners."
    )]
    [InlineData(
        $"authorization {{ provider = chain, chain = [acl, ocpi], {Own} }}",
        "authorization.provider = ocpi needs a partner; expected authorization.ocpi.partners."
    )]
    public void NoPartner_IsAProblem(string text, string problem) => Finds(text, problem);

    [Theory]
    [InlineData("", 1)]
    [InlineData("countryCode = de", 1)]
    [InlineData("partyId = all", 1)]
    [InlineData("countryCode = de, partyId = all", 0)]
    [InlineData("version = \"2.1.1\"", 0)]
    [InlineData("version = \"2.3.0\"", 1)]
    public void OwnParty_IsNeededByVersionsThatSendIt(string own, int problems)
    {
        var text =
            $"authorization.provider = ocpi\nauthorization.ocpi {{ {own}\n"
            + "partners = [{ name = a, tokenFile = a, tokensUrl = \"https://a.example\", parties = [NL-TNM] }] }";

        using var folder = new SettingsFolder();
        folder.File("hocon/application.conf", SettingsFolder.Anonymous + text);
        if (problems == 0)
            Assert.NotNull(folder.Load());
        else
            Assert.Contains(
                "needs this operator's own party",
                Assert.Single(folder.Problems()),
                StringComparison.Ordinal
            );
    }

    [Theory]
    [InlineData(
        "name = a, tokenFile = a, parties = [NL-TNM]",
        "'a' has no URL; expected either versionsUrl or tokensUrl."
    )]
    [InlineData(
        "name = a, tokenFile = a, parties = [NL-TNM], versionsUrl = \"https://a\", tokensUrl = \"https://a\"",
        "'a' has two URLs; expected either versionsUrl or tokensUrl."
    )]
    [InlineData(
        "name = a, tokenFile = a, tokensUrl = \"https://a.example\"",
        "'a' has no party; expected parties such as [\"NL-TNM\"]."
    )]
    [InlineData(
        "name = a, tokenFile = a, tokensUrl = \"https://a.example\", parties = [NL-TNM], location = required",
        "'a' has location = required, but no station has a location; expected authorization.stationsFile."
    )]
    [InlineData(
        "name = acl, tokenFile = a, tokensUrl = \"https://a.example\", parties = [NL-TNM]",
        "'acl' has the name of an authorizer; expected a different name."
    )]
    public void Partner_HasOneUrl_AParty_AndItsOwnName(string partner, string problem) =>
        Finds($"authorization.ocpi.partners = [{{ {partner} }}]", $"authorization.ocpi.partners: {problem}");

    [Fact]
    public void Partner_MayHaveANumberForItsName_ButNoAuthorizersNameInCapitals()
    {
        using var folder = new SettingsFolder();
        folder.File("hocon/application.conf", SettingsFolder.Anonymous + Named("\"2024\""));

        Assert.NotNull(folder.Load());
        Finds(
            Named("ACL"),
            "authorization.ocpi.partners: 'ACL' has the name of an authorizer; expected a different name."
        );

        static string Named(string name) =>
            "authorization.ocpi.partners = [{ tokenFile = a, tokensUrl = \"https://a.example\", parties = [NL-TNM], "
            + $"name = {name} }}]";
    }

    [Theory]
    [InlineData("name = x", "name = X", "the name 'x' twice; expected it once.")]
    [InlineData("parties = [NL-TNM]", "parties = [nl-tnm]", "the party 'NL-TNM' twice; expected it once.")]
    [InlineData("providers = [NLTNM]", "providers = [NLTNM]", "the provider 'NLTNM' twice; expected it once.")]
    [InlineData("tokenPrefixes = [ab]", "tokenPrefixes = [AB]", "the token prefix 'ab' twice; expected it once.")]
    [InlineData(
        "kind = hub",
        "kind = hub",
        "two hubs; expected at most one, which is asked about the tokens of all other parties."
    )]
    public void TwoPartners_ShareNothing(string one, string other, string problem)
    {
        Finds(
            $"authorization.ocpi.partners = [{Partner("a", one, "NL-AAA")}, {Partner("b", other, "NL-BBB")}]",
            $"authorization.ocpi.partners contains {problem}"
        );

        static string Partner(string name, string more, string party) =>
            "{ tokenFile = t, versionsUrl = \"https://a.example\", "
            + (more.StartsWith("name", StringComparison.Ordinal) ? "" : $"name = {name}, ")
            + (more.StartsWith("parties", StringComparison.Ordinal) ? "" : $"parties = [{party}], ")
            + $"{more} }}";
    }

    private static void Finds(string text, string problem) =>
        Assert.Equal($"hocon/application.conf:1: {problem}", Assert.Single(Loading.ProblemsOf(text)));
}
