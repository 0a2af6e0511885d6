using System.CommandLine;
using System.Globalization;
using System.Text.Json.Serialization;
using AkkaCharging.Host.Admin;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Cli;

/// <summary>A request as <c>request show --json</c> writes it; nulls are omitted.</summary>
internal sealed record ShownRequest(FoundRequestAnswer Request, IReadOnlyList<TimelineAnswer> Timeline);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(FoundRequestAnswer))]
[JsonSerializable(typeof(ShownRequest))]
internal sealed partial class RequestJson : JsonSerializerContext;

/// <summary>
/// Finds requests in the journal and shows the events of one, whether or not a service has the journal open.
/// </summary>
internal static class RequestCommand
{
    private static readonly Table<RequestRecord> Columns = new([
        ("REQUEST", 40, record => record.Id.ToString()),
        ("STATE", 9, record => record.State.Name()),
        ("STATUS", 11, record => record.Decision?.Status.Name() ?? Cells.None),
        ("REASON", 19, record => record.Decision?.Reason.Name() ?? Cells.None),
        ("ACCEPTED", 24, record => Cells.Of(record.AcceptedAt)),
        ("ATTEMPTS", 8, record => record.Attempts.Count.ToString(CultureInfo.InvariantCulture)),
        ("LAST CAUSE", 18, record => record.Attempts is [.., { Cause: { } cause }] ? cause.Name() : Cells.None),
        ("STATION", 36, record => record.StationId),
        ("DESTINATION", 0, record => record.Destination),
    ]);

    /// <summary>Creates the command.</summary>
    /// <param name="config">The option that names the settings file.</param>
    public static Command Create(Option<string?> config, TextReader input, TextWriter output, TextWriter error)
    {
        var list = RequestFilters.CreateList(
            new Command("list", "List requests, newest first. The service need not be running."),
            config,
            table: Columns,
            json: record => ReadableJson.Text(FoundRequestAnswer.Of(record), RequestJson.Default.FoundRequestAnswer),
            input: input,
            output: output,
            error: error
        );

        var id = new Argument<string>("ID") { Description = "The requestId from the response to the submission." };
        var json = new Option<bool>("--json") { Description = "One JSON object." };
        var show = new Command("show", "Show the past and expected events of one request.") { id, json };
        show.SetAction(
            (parsed, cancellation) =>
                JournalCommands.RunAsync(
                    parsed.GetValue(config),
                    error,
                    settings => ShowAsync(settings, parsed.GetValue(id)!, parsed.GetValue(json), output, cancellation)
                )
        );
        return new Command("request", "Find requests in the journal.") { list, show };
    }

    private static async Task ShowAsync(
        ChargingSettings settings,
        string text,
        bool json,
        TextWriter output,
        CancellationToken cancellation
    )
    {
        await using var audit = await RequestFilters.OpenAsync(settings.Journal, cancellation);
        var record = RequestId.TryParse(text, out var id) ? await audit.FindAsync(id) : null;
        if (record is null)
            throw new InvalidDataException("There is no such request, or it is past retention.");
        var timeline = RequestTimeline.Of(record, settings.Callback);
        if (json)
        {
            var shown = new ShownRequest(FoundRequestAnswer.Of(record), timeline);
            await output.WriteLineAsync(ReadableJson.Text(shown, RequestJson.Default.ShownRequest));
            return;
        }

        await output.WriteLineAsync(
            $"""
            request      {record.Id}
            state        {record.State.Name()}
            decision     {(record.Decision is { } made ? $"{made.Status.Name()} ({made.Reason.Name()})" : Cells.None)}
            station      {record.StationId}
            driver       {record.DriverTokenMasked} (fingerprint {Convert.ToHexStringLower(record.TokenFingerprint)})
            destination  {record.Destination}
            API key      {Cells.Of(record.ApiKeyName)}

            """
        );
        foreach (var step in timeline)
            await output.WriteLineAsync($"{Cells.OfMillis(step.At)}  {Describe(step)}");
    }

    private static string Describe(TimelineAnswer step) =>
        step switch
        {
            { Attempt: { } attempt } =>
                $"attempt, {attempt.HttpStatus?.ToString(CultureInfo.InvariantCulture) ?? attempt.Outcome}"
                    + $"{(attempt.Cause is { } cause ? $" ({cause})" : "")}, {attempt.DurationMs} ms",
            { Event: "decided" } => $"decided, after {step.DurationMs} ms",
            { Event: "next_attempt" } => "next attempt, at the earliest",
            { Event: "expiry" } => "expires",
            _ => step.Event,
        };
}
