using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AkkaCharging.Host.Admin;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;

namespace AkkaCharging.Host.Cli;

/// <summary>Lists the receivers of the running service, and pauses and resumes them.</summary>
internal static class ReceiversCommand
{
    private const string Route = "/admin/destinations";

    /// <summary>One less than the service lists, so that it can be asked whether there are more.</summary>
    private const int LimitMax = DeadLetterPage.LettersMax - 1;

    private static readonly Table<DestinationAnswer> Columns = new([
        ("STANDING", 8, receiver => receiver.Standing),
        ("BREAKER", 9, receiver => receiver.Breaker),
        ("PAUSED", 6, receiver => receiver.Paused ? "yes" : "no"),
        ("PENDING", 7, receiver => Number(receiver.Pending)),
        ("IN FLIGHT", 9, receiver => Number(receiver.InFlight)),
        ("FAILURES", 8, receiver => Number(receiver.FailuresInARow)),
        ("FAILING SINCE", 24, receiver => Cells.OfMillis(receiver.FailingSince)),
        ("LAST CAUSE", 18, receiver => receiver.LastAttempt?.Cause ?? Cells.None),
        ("DESTINATION", 0, receiver => receiver.Destination),
    ]);

    /// <summary>Creates the command.</summary>
    /// <param name="config">The option that names the settings file.</param>
    public static Command Create(Option<string?> config, TextWriter output, TextWriter error)
    {
        var tokenFile = OperatorClient.CreateTokenFileOption();
        var limit = ListOptions.CreateLimit("receivers", LimitMax);
        var json = ListOptions.CreateJson();
        var list = new Command("list", "List receivers with pending callbacks and paused ones, most pending first.")
        {
            limit,
            json,
        };
        list.SetAction(
            (parsed, cancellation) =>
                OperatorClient.RunAsync(
                    parsed.GetValue(config),
                    parsed.GetValue(tokenFile),
                    error,
                    service =>
                        ListAsync(service, parsed.GetValue(limit), parsed.GetValue(json), output, error, cancellation)
                )
        );
        return new Command("receivers", "List, pause and resume the receivers of the running service.")
        {
            tokenFile,
            list,
            Change("pause", "Pause the callbacks to a receiver until it is resumed; requests may expire meanwhile."),
            Change("resume", "Resume the callbacks to a paused receiver."),
        };

        Command Change(string name, string description)
        {
            var destination = new Argument<string>("URL") { Description = "Scheme, host and port of the receiver." };
            var command = new Command(name, description) { destination };
            command.SetAction(
                (parsed, cancellation) =>
                    OperatorClient.RunAsync(
                        parsed.GetValue(config),
                        parsed.GetValue(tokenFile),
                        error,
                        async service =>
                        {
                            var body = JsonSerializer.Serialize(
                                new DestinationBody(parsed.GetValue(destination)),
                                AdminJson.Default.DestinationBody
                            );
                            var changed = await service.PostAsync(
                                $"{Route}/{name}",
                                body,
                                AdminJson.Default.DestinationChangeAnswer,
                                cancellation
                            );
                            await output.WriteLineAsync($"{changed.Status} {changed.Destination}");
                        }
                    )
            );
            return command;
        }
    }

    private static async Task ListAsync(
        OperatorClient service,
        int limit,
        bool json,
        TextWriter output,
        TextWriter error,
        CancellationToken cancellation
    )
    {
        var found = await service.GetAsync(
            $"{Route}?limit={Number(limit + 1)}",
            AdminJson.Default.DestinationsAnswer,
            cancellation
        );
        if (!json)
            await output.WriteLineAsync(Columns.Head(output));
        foreach (var receiver in found.Destinations.Take(limit))
            await output.WriteLineAsync(
                json ? ReadableJson.Text(receiver, AdminJson.Default.DestinationAnswer) : Columns.Row(output, receiver)
            );
        if (found.Destinations.Count > limit)
            await error.WriteLineAsync($"There are more than {Number(limit)}: raise --limit (at most {LimitMax}).");
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
