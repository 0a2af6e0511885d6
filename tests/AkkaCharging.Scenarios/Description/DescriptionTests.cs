using System.Text.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.Description;

/// <summary>
/// The descriptions as linters of other projects see them, and clients that are generated from the public one.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class DescriptionTests(DescribedService described) : IClassFixture<DescribedService>
{
    [Theory]
    [InlineData("v1.json")]
    [InlineData("admin.json")]
    public async Task Redocly_HasNothingToSay(string description)
    {
        var (_, output, everything) = await DescribedService.RunPackageAsync(
            "redocly",
            "lint",
            "--format=json",
            $"generated/{description}"
        );

        var report = JsonDocument.Parse(output).RootElement;
        Assert.True(report.GetProperty("problems").GetArrayLength() == 0, everything);
        Assert.Equal(
            (0, 0),
            (
                report.GetProperty("totals").GetProperty("errors").GetInt32(),
                report.GetProperty("totals").GetProperty("warnings").GetInt32()
            )
        );
    }

    [Theory]
    [InlineData("v1.json")]
    [InlineData("admin.json")]
    public async Task Spectral_HasNothingToSay(string description)
    {
        var (exitCode, output, everything) = await DescribedService.RunPackageAsync(
            "spectral",
            "lint",
            "--fail-severity=hint",
            $"generated/{description}"
        );

        Assert.True(exitCode == 0, everything);
        Assert.Equal("No results with a severity of 'hint' or higher found!", output.Trim());
    }

    [Fact]
    public async Task ClientOfOpenapiTypescript_PassesItsCompiler_AndSubmits()
    {
        await using var receiver = await CallbackReceiver.StartAsync();

        var types = await DescribedService.RunPackageAsync(
            "openapi-typescript",
            "generated/v1.json",
            "-o",
            "generated/v1.d.ts"
        );
        var compiled = await DescribedService.RunPackageAsync("tsc", "--project", ".");
        Assert.True((types.ExitCode, compiled.ExitCode) == (0, 0), types.Everything + compiled.Everything);
        var run = await DescribedService.RunAsync([
            "node",
            "generated/client.js",
            described.Service.Http.BaseAddress!.ToString().TrimEnd('/'),
            receiver.Url,
        ]);

        Assert.True(run.ExitCode == 0, run.Everything);
        Assert.Equal(
            """{"receipt":"accepted","state":"delivered","decided":"allowed","asked":"allowed","""
                + "\"rejected\":\"validation_error\"}",
            run.Output
        );
    }

    [Fact]
    public async Task ClientOfNSwag_WithItsDefaults_Submits_AndAsks()
    {
        await using var receiver = await CallbackReceiver.StartAsync();
        var http = described.Service.Http;
        var client = await NSwagClient.OfAsync(await http.GetStringAsync("/openapi/v1.json"), http);
        (string, object)[] question =
        [
            ("StationId", RunningService.Station),
            ("DriverToken", RunningService.AllowedToken),
        ];

        var id = await client.CallAsync(
            "SubmitAsync",
            "RequestId",
            null,
            null,
            client.New("SubmissionBody", [.. question, ("CallbackUrl", receiver.Url)])
        );
        await Eventually.HoldsAsync(
            async () => await client.CallAsync("FollowAsync", "State", id) == "Delivered",
            "the client sees the end of its request"
        );

        Assert.Equal("allowed", Assert.Single(receiver.Received).Status);
        Assert.Equal(
            "Allowed",
            await client.CallAsync("AuthorizeAsync", "Status", client.New("AuthorizeBody", question))
        );
    }
}
