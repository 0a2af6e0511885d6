using AkkaCharging.Host.Cli;
using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Cli;

/// <summary>What <c>--check-config</c> finds out about partners.</summary>
[Trait("Category", "Component")]
public sealed class OcpiCheckTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ocpi-check-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(401, "", 1, "OCPI partner tnm answered 401; check tokenFile")]
    [InlineData(404, "", 1, "OCPI partner tnm answered 404 without OCPI; check tokensUrl")]
    [InlineData(200, """{"status_code":1000,"data":[]}""", 0, "")]
    public async Task Partner_IsAskedWhetherCredentialsAndUrlAreRight(int status, string body, int exit, string problem)
    {
        await using var partner = await CallbackReceiver.StartAsync();
        partner.RespondWith(
            async (context, _) =>
            {
                context.Response.StatusCode = status;
                context.Response.ContentType = "application/json";
                await context.Response.Body.WriteAsync(System.Text.Encoding.UTF8.GetBytes(body));
            }
        );
        File.WriteAllText(Path.Combine(_folder, "partner.token"), "canary-4711\n");

        var (exitCode, output, error) = await CheckAsync(partner.Url);

        Assert.Equal(exit, exitCode);
        Assert.Equal(exit == 0, output.Contains("The settings are valid.", StringComparison.Ordinal));
        Assert.Contains(problem, error, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", output + error, StringComparison.Ordinal);
        Assert.Equal("Token Y2FuYXJ5LTQ3MTE=", Assert.Single(partner.Received).Headers["Authorization"]);
    }

    [Theory]
    [InlineData(null, "Could not find file")]
    [InlineData("", "it is empty.")]
    [InlineData("canary 4711", "it contains something other than printable ASCII without spaces.")]
    [InlineData("canary\n4711", "it contains something other than printable ASCII without spaces.")]
    public async Task UnusableTokenFile_IsNamed_AndNobodyAsked(string? content, string problem)
    {
        await using var partner = await CallbackReceiver.StartAsync();
        if (content is not null)
            File.WriteAllText(Path.Combine(_folder, "partner.token"), content);

        var (exitCode, _, error) = await CheckAsync(partner.Url);

        Assert.Equal(1, exitCode);
        Assert.Contains(
            "authorization.ocpi.partners: the tokenFile of 'tnm' cannot be used: ",
            error,
            StringComparison.Ordinal
        );
        Assert.Contains(problem, error, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", error, StringComparison.Ordinal);
        Assert.Empty(partner.Received);
    }

    private async Task<(int ExitCode, string Output, string Error)> CheckAsync(string url)
    {
        var file = Path.Combine(_folder, "ocpi.conf");
        File.WriteAllText(
            file,
            $$"""
            server.host = "127.0.0.1"
            journal.path = "{{_folder}}/journal.db"
            authorization.provider = ocpi
            authorization.ocpi { countryCode = DE, partyId = ALL
              partners = [{ name = tnm, tokensUrl = "{{url}}", tokenFile = "{{_folder}}/partner.token", parties = ["NL-TNM"] }]
            }
            """
        );
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = await CommandLine.RunAsync(["--check-config", "--config", file], TextReader.Null, output, error);
        return (exitCode, $"{output}", $"{error}");
    }
}
