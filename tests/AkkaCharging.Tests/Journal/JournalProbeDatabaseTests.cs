using System.Text.RegularExpressions;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Journal.Postgres;
using Npgsql;

namespace AkkaCharging.Tests.Journal;

/// <summary>What an operator is told of a journal in a database.</summary>
[Trait("Category", "Component")]
[Collection(OnePostgres.Name)]
public sealed class JournalProbeDatabaseTests(SharedPostgres postgres)
{
    [Fact]
    public async Task DatabaseThatAnswers_IsInOrder_WithAJournalAndWithout()
    {
        var settings = await postgres.NewSettingsAsync();
        await AssertSoundAsync(settings);
        await (await SharedPostgres.OpenAsync(settings)).DisposeAsync();
        await AssertSoundAsync(settings);

        static async Task AssertSoundAsync(JournalSettings settings)
        {
            var findings = await JournalProbe.ExamineAsync(settings, default);

            Assert.Equal(2, findings.Count);
            Assert.All(findings, finding => Assert.Equal(ProbeSeverity.Ok, finding.Severity));
            Assert.StartsWith("The database answers: PostgreSQL ", findings[0].Text, StringComparison.Ordinal);
            Assert.InRange(Skew(findings[1]), -5, 5);
        }
    }

    [Theory]
    [InlineData(-60)]
    [InlineData(60)]
    public async Task ClockOfTheDatabaseThatDiffers_IsWarnedOf(int seconds)
    {
        var settings = await postgres.NewSettingsAsync();
        await SharedPostgres.QueryAsync(
            settings,
            "CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
                + $"'SELECT pg_catalog.clock_timestamp() + make_interval(secs => {seconds})'"
        );
        var builder = new NpgsqlConnectionStringBuilder(settings.ConnectionString);
        builder.SearchPath += ",pg_catalog"; // otherwise it comes first by itself

        var findings = await JournalProbe.ExamineAsync(
            settings with
            {
                ConnectionString = builder.ConnectionString,
            },
            default
        );

        Assert.Equal([ProbeSeverity.Ok, ProbeSeverity.Warning], findings.Select(finding => finding.Severity));
        Assert.InRange(Skew(findings[1]), seconds - 1, seconds + 30); // its clock is read a moment later
    }

    [Fact]
    public async Task JournalOfAnOlderVersion_IsWarnedOf()
    {
        var settings = await postgres.NewSettingsAsync();
        await (await SharedPostgres.OpenAsync(settings)).DisposeAsync();
        await SharedPostgres.MakeOlderAsync(settings);

        var findings = await JournalProbe.ExamineAsync(settings, default);

        Assert.Equal(
            [ProbeSeverity.Ok, ProbeSeverity.Ok, ProbeSeverity.Warning],
            findings.Select(finding => finding.Severity)
        );
        Assert.StartsWith(
            "The journal in PostgreSQL has schema version 4; ",
            findings[^1].Text,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task DatabaseWhoseKeyIsAnother_CannotBeOpened()
    {
        var settings = await postgres.NewSettingsAsync();
        await (await SharedPostgres.OpenAsync(settings)).DisposeAsync();

        await Assert.ThrowsAsync<InvalidJournalException>(() =>
            JournalProbe.ExamineAsync(settings with { EncryptionKeys = [EncryptionKey.Generate()] }, default)
        );
    }

    [Fact]
    public async Task DatabaseThatIsAway_IsUnavailable()
    {
        var settings = SharedPostgres.Settings("Host=127.0.0.1;Port=1;Username=u");

        var away = await Assert.ThrowsAsync<JournalUnavailableException>(() =>
            JournalProbe.ExamineAsync(settings, default)
        );

        Assert.Equal("The database cannot be reached.", away.Message);
    }

    /// <summary>Seconds by which the database's clock is ahead, by the finding.</summary>
    private static double Skew(ProbeFinding finding)
    {
        var text = Regex.Match(finding.Text, @"^The database's clock differs from this machine's by (-?\d+\.\d) s\.$");
        Assert.True(text.Success, finding.Text);
        return double.Parse(text.Groups[1].Value);
    }
}
